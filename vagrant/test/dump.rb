require "json"

# What Vagrant makes of the Vagrantfile for one machine: the parts of its
# configuration that the project decides.
module Dump
  module_function

  def lab(root, provider)
    env = Vagrant::Environment.new(cwd: root, ui_class: Vagrant::UI::Silent)
    env.machine_names.to_h { |name| [name.to_s, machine(env, name, provider)] }
  end

  def machine(env, name, provider)
    made = env.vagrantfile.machine_config(name, provider, nil, nil, false)
    config = made[:config]
    own = config.vm.get_provider_config(provider)
    {
      "box" => %w[box box_version box_url box_download_checksum box_check_update].to_h { |key| [key, config.vm.public_send(key)] },
      "hostname" => config.vm.hostname,
      "boot_timeout" => config.vm.boot_timeout,
      "networks" => config.vm.networks.map { |type, options| [type.to_s, plain(options)] }.reject { |type, _| type == "forwarded_port" },
      "provider" => settings(provider).to_h { |key| [key, own.public_send(key)] },
      "synced_folders" => config.vm.synced_folders.transform_values { |f| f[:disabled] },
      "provisioners" => config.vm.provisioners.map { |p| {"name" => p.name, "type" => p.type.to_s, "config" => step(p)} },
      "triggers" => triggers(config)
    }
  end

  def settings(provider)
    common = %w[memory cpus]
    provider == :virtualbox ? common + %w[name linked_clone gui check_guest_additions] : common + %w[default_prefix graphics_type driver uri storage_pool_name]
  end

  def plain(options)
    options.reject { |key, _| %i[id protocol].include?(key) }.transform_keys(&:to_s)
  end

  def step(provisioner)
    return {} unless provisioner.type == :ansible

    c = provisioner.config
    %w[playbook config_file limit raw_arguments extra_vars host_key_checking raw_ssh_args].to_h { |key| [key, c.public_send(key)] }
  end

  def triggers(config)
    (config.trigger.before_triggers + config.trigger.after_triggers).map { |t| t.command.to_s }
  end
end
