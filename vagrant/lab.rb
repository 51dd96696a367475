require_relative "guard"
require_relative "settings"
require_relative "machine"
require_relative "box"
require_relative "ansible"
require_relative "preflight"
require_relative "leftovers"
require_relative "provisioners"

module Chatlab
  # The lab as the Vagrantfile needs it: machines, boxes, where the playbook runs.
  class Lab
    BOOT_TIMEOUT = 300 # seconds, Vagrant's own

    attr_reader :settings, :machines

    def self.load(root)
      new(Settings.new(root))
    end

    def initialize(settings)
      @settings = settings
      check_profile
      check_provider
      check_provider_settings
      hosts = read_hosts
      @machines = hosts.map { |name, addresses| Machine.new(self, name, addresses, last: name == hosts.keys.last) }
      strange = settings["machines"].keys - hosts.keys - %w[log]
      raise Error.new("#{settings.local}: no machine is called #{strange.first}", "there are #{hosts.keys.join(", ")}") unless strange.empty?
    end

    def root
      settings.root
    end

    # What networks and machines are called on the host, so that two labs of
    # different inventories do not meet.
    def name
      "chatlab-#{File.basename(inventory)}"
    end

    def profile
      settings["profile"]
    end

    # Those that can be used, the chosen one first.
    def providers
      known = settings.tables["providers"].keys
      [settings["provider"], *known].compact.uniq.map(&:to_sym)
    end

    def box(provider)
      Box.new(self, provider, settings.tables["boxes"][profile][provider.to_s])
    end

    # The inventory's folder, or its file.
    def inventory
      settings.file("inventory")
    end

    def boot_timeout
      (BOOT_TIMEOUT * settings["patience"]).to_i
    end

    # Sets attributes of a part of Vagrant's configuration.
    def set(part, values)
      values.each { |name, value| part.public_send("#{name}=", value) }
    end

    # Where Ansible runs: host, or the machine log.
    def controller
      return settings["ansible"] if settings["ansible"]

      !Vagrant::Util::Platform.windows? && Vagrant::Util::Which.which("ansible-playbook") ? "host" : "log"
    end

    # Options of the provisioner that runs the playbook.
    def playbook
      return {type: "chatlab_playbook", lab: self} if controller == "log"

      {type: "ansible", playbook: "ansible/site.yml", config_file: "ansible/ansible.cfg", compatibility_mode: "2.0", limit: "all",
       raw_arguments: ["-i", inventory], extra_vars: variables, host_key_checking: true,
       raw_ssh_args: ["-o UserKnownHostsFile=#{known_hosts}", "-o LogLevel=ERROR"]}
    end

    # Variables of the playbook. SSH is forwarded to another port of the host by
    # some providers; on the machine it is 22.
    def variables
      {"lab_state" => state, "base_ssh_port" => 22}.merge(settings["variables"])
    end

    def state
      settings.file("state")
    end

    def known_hosts
      File.join(state, "known_hosts")
    end

    private

    def check_profile
      profiles = settings.tables["boxes"].keys
      return if profiles.include?(profile)

      raise Error.new("no profile is called #{profile}", "CHATLAB_PROFILE or `profile:` in #{settings.local} may be #{profiles.join(", ")}")
    end

    def check_provider
      known = settings.tables["providers"].keys
      wish = ARGV.join(" ")[/--provider[= ](\S+)/, 1] || ENV["VAGRANT_DEFAULT_PROVIDER"] || settings["provider"]
      return if wish.nil? || wish == "" || known.include?(wish)

      raise Error.new("no provider is called #{wish}", "--provider, VAGRANT_DEFAULT_PROVIDER or `provider:` in #{settings.local} may be #{known.join(", ")}")
    end

    # Of a provider that is not installed, nothing is known.
    def check_provider_settings
      settings.tables["providers"].each do |provider, values|
        kind = Vagrant.plugin("2").manager.provider_configs[provider.to_sym] or next
        unknown = values.keys.find { |name| !kind.method_defined?("#{name}=") } or next

        raise Error.new("#{provider} has no setting #{unknown}", "look it up in the provider's documentation; `providers:` in #{settings.local}")
      end
    end

    def read_hosts
      path = File.directory?(inventory) ? File.join(inventory, "hosts.yml") : inventory
      hosts = %w[all hosts].reduce(Settings.yaml(path)) { |at, key| at[key] if at.is_a?(Hash) }
      raise Error.new("#{path} names no hosts", "it needs all.hosts, as ansible/inventories/lab/hosts.yml has") unless hosts.is_a?(Hash) && !hosts.empty?

      hosts
    rescue SystemCallError, Psych::SyntaxError => e
      raise Error.new("inventory: #{e.message}", "CHATLAB_INVENTORY or `inventory:` in #{settings.local} names a folder with hosts.yml")
    end
  end
end
