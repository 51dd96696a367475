module Chatlab
  # The box of a profile for a provider, and how it comes here.
  class Box
    attr_reader :name, :version, :build

    def initialize(lab, provider, table)
      @lab = lab
      @provider = provider
      @table = table || {}
      @name = @table["name"]
      @version = @table["version"]&.to_s
      @build = @table["build"]
    end

    # Raises an Error where the profile has no box. Preflight asks, not the Vagrantfile:
    # Vagrant shows an error of the Vagrantfile with its Ruby stack.
    def check
      raise Error.new("profile #{@lab.profile} has no box for #{@provider}", "add one below boxes in #{@lab.settings.local}") unless name
    end

    def registry?
      @table["registry"] == true
    end

    # The box's file in the project, nil where it comes from elsewhere.
    def file
      @table["file"] && File.expand_path(@table["file"], @lab.root)
    end

    def url
      file ? "file://#{file}" : @table["url"]
    end

    # What config.vm has to know.
    def settings
      {"box" => name, "box_version" => version, "box_url" => url, "box_download_checksum" => @table["sha256"],
       "box_download_checksum_type" => @table["sha256"] && "sha256"}.compact
    end

    # How to do without what cannot be had.
    def way_round
      if build
        "`#{build}` builds it"
      else
        "get its file elsewhere, then `vagrant box add --name #{name} --provider #{@provider} FILE`#{registry_end}"
      end
    end

    private

    def registry_end
      registry? ? "; Vagrant's registry of boxes is being shut down (31 December 2026)" : ""
    end
  end
end
