require "fileutils"
require "json"
require_relative "host"
require_relative "inside"

# Steps of the last machine, when its part of `vagrant up` is done: wait for the
# others, run the playbook over all, prove the lab.
module Chatlab
  # What a step of the Vagrantfile is given.
  class StepConfig < Vagrant.plugin("2", :config)
    attr_accessor :lab
  end

  # Waits for the other machines, and records how all are reached.
  class Machines < Vagrant.plugin("2", :provisioner)
    POLL = 2 # seconds

    def provision
      @lab = config.lab
      ready = @lab.machines.to_h { |m| [m, m.name == @machine.name.to_s ? @machine : await(m)] }
      FileUtils.mkdir_p(@lab.state, mode: 0o700)
      write(@lab.known_hosts, ready.map { |m, vm| known(m, vm) }.join)
      write(File.join(@lab.state, "access.json"), JSON.pretty_generate(access(ready)))
    end

    private

    # Machines that come up at the same time are waited for, those that nobody
    # brings up are not.
    def await(node)
      deadline = Time.now + @lab.boot_timeout
      loop do
        vm = find(node)
        return vm if vm && up?(node, vm)

        coming = Preflight.expected.include?(node.name)
        raise Error.new("machine #{node.name} is not up", "`vagrant up`, then `vagrant provision`") unless vm || coming
        raise Error.new("machine #{node.name} is not ready after #{@lab.boot_timeout} s", "`vagrant reload #{node.name}`, then `vagrant provision`") if Time.now > deadline

        sleep(POLL)
      end
    end

    def find(node)
      env = @machine.env
      return unless env.active_machines.any? { |name, provider| name.to_s == node.name && provider == @machine.provider_name }

      vm = env.machine(node.name.to_sym, @machine.provider_name)
      # Not vm.state: that writes Vagrant's index, where the thread that brings the
      # machine up may have locked its entry.
      vm if vm.provider.state.id == :running
    end

    # Vagrant's last steps are the interfaces and the name in /etc/hosts.
    def up?(node, vm)
      return false unless vm.communicate.ready?

      vm.communicate.test("ip -o addr | grep -qF ' #{node.addresses["private_address"]}/' && [ \"$(hostname)\" = '#{node.name}' ] && grep -qw '#{node.name}' /etc/hosts")
    rescue Vagrant::Errors::VagrantError
      false
    end

    # The machine's key, under each address at which it is reached.
    def known(node, vm)
      key = nil
      vm.communicate.sudo("cat /etc/ssh/ssh_host_ed25519_key.pub") { |_, text| key = (key || "") + text }
      info = vm.ssh_info
      at = info[:port].to_i == 22 ? info[:host] : "[#{info[:host]}]:#{info[:port]}"
      "#{node.addresses["public_address"]},#{at} #{key.split[0, 2].join(" ")}\n"
    end

    # What `lab --target vagrant` has to know.
    def access(ready)
      vm = ready.values.first
      {"inventory" => @lab.inventory, "provider" => @machine.provider_name, "profile" => @lab.profile, "patience" => @lab.settings["patience"],
       "embedded" => @lab.settings["variables"]["mongodb_embedded"] == true, "user" => vm.ssh_info[:username],
       "keys" => ready.to_h { |m, each| [m.name, File.expand_path(each.ssh_info[:private_key_path].first)] }}
    end

    def write(path, text)
      File.write("#{path}.new", text, perm: 0o600)
      File.rename("#{path}.new", path)
    end
  end

  # Proves the lab with `lab check`, where that program can be had.
  class Check < Vagrant.plugin("2", :provisioner)
    def provision
      return if ENV["CHATLAB_CHECK"] == "later" # `lab up` does it itself

      lab = File.join(config.lab.root, "bin", "lab")
      return @machine.ui.warn("bin/lab is not built (`make build`): the lab is not checked") unless File.executable?(lab)

      Host.run(@machine, config.lab, lab, "check", "--target", "vagrant", "--state", config.lab.state) or
        raise Error.new("the lab is up, and not well: see above", "`bin/lab check --target vagrant` looks again")
    end
  end

  # Makes the steps known to Vagrant.
  class Plugin < Vagrant.plugin("2")
    name "chatlab"
    {chatlab_machines: Machines, chatlab_playbook: Inside, chatlab_check: Check}.each do |type, step|
      config(type, :provisioner) { StepConfig }
      provisioner(type) { step }
    end
  end
end
