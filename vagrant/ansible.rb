module Chatlab
  # The ansible-core that runs the playbook: on the host, or in the machine log.
  class Ansible
    # The role that refuses it when the machines are up, and says which it is.
    LIMITS = "ansible/roles/preflight/defaults/main.yml".freeze

    def initialize(lab)
      @lab = lab
    end

    # Raises an error where the profile's machines cannot be driven.
    def check
      return in_log if @lab.controller == "log"
      raise Error.new("ansible-core is not installed, and #{@lab.settings.local} says `ansible: host`", "#{install}; or `ansible: log`") unless program

      before = limit or return
      have = version
      return if (numbers(have) <=> numbers(before)).negative?

      raise Error.new("ansible-core #{have} cannot drive profile #{@lab.profile}", "#{install}; or choose profile debian12 or el9")
    end

    private

    def in_log
      raise Error.new("profile #{@lab.profile} has no Ansible that the playbook could run on", "#{install}; or choose profile debian12 or el9") if limit
    end

    # The first version that cannot, nil where every later one can.
    def limit
      @limit ||= Settings.yaml(File.join(@lab.root, LIMITS))["preflight_core_before"][@lab.profile]
    end

    def install
      limit ? "install an ansible-core before #{limit} on the host, as Debian 12 has" : "install ansible-core on the host"
    end

    def program
      Vagrant::Util::Which.which("ansible-playbook")
    end

    def version
      said = Vagrant::Util::Subprocess.execute(program, "--version").stdout
      said[/\Aansible-playbook (?:\[core )?(\d+\.\d+[^\s\]]*)/, 1] or
        raise Error.new("`ansible-playbook --version` says no version: #{said.lines.first.to_s.strip}", install)
    end

    # Major and minor, as the playbook compares them.
    def numbers(version)
      version.split(".").first(2).map(&:to_i)
    end
  end
end
