require "fileutils"
require "json"
require_relative "host"
require_relative "step"
require_relative "inside"

# Steps of the last machine, when its part of `vagrant up` is done: wait for the
# others, run the playbook over all, prove the lab.
module Chatlab
  # Waits for the other machines, and records how all are reached.
  class Machines < Step
    FAILED = "the machines were not reached".freeze
    POLL = 2 # seconds

    # A machine that can be reached: Vagrant's options of SSH, and its host key.
    Reached = Struct.new(:node, :ssh, :key)

    def run
      ready = @lab.machines.map { |node| await(node) }
      FileUtils.mkdir_p(@lab.state, mode: 0o700)
      write(@lab.known_hosts, ready.map { |r| known(r) }.join)
      write(File.join(@lab.state, "access.json"), JSON.pretty_generate(access(ready)))
    end

    private

    # Machines that come up at the same time are waited for, those that nobody
    # brings up are not.
    def await(node)
      coming = brought_up(node)
      deadline = Time.now + @lab.boot_timeout
      loop do
        found, why = reach(node, coming)
        return found if found
        raise late(node, why) if Time.now > deadline

        sleep(POLL)
      end
    end

    # Waits for the thread that brings a machine up, and reports whether there is one.
    # Until it ends, the machine's SSH session is its own: used by two threads at the
    # same time, a session breaks, with any error.
    def brought_up(node)
      thread = Preflight.coming[node.name]
      return !thread.nil? if thread.nil? || thread == Thread.current

      thread.join(@lab.boot_timeout) or raise late(node, "Vagrant has not brought it up")
      return true unless thread[:error] || thread[:exit_code]

      raise Error.new("machine #{node.name} did not come up, and the playbook needs all", "its own error says why; then `vagrant up`, and `vagrant provision`")
    end

    def late(node, why)
      Error.new("machine #{node.name} is not ready after #{@lab.boot_timeout} s: #{why}", "`vagrant reload #{node.name}`, then `vagrant provision`")
    end

    # Returns the machine, or why it is not ready yet: under load, libvirt takes
    # longer for an answer than its library waits, which raises errors of its own.
    def reach(node, coming)
      vm = find(node)
      raise Error.new("machine #{node.name} is not up", "`vagrant up`, then `vagrant provision`") unless vm || coming

      ssh = vm&.ssh_info or return nil, "it has no address"
      key = host_key(node, vm) or return nil, "its interfaces, its name or its SSH key are not there"
      [Reached.new(node, ssh, key), nil]
    rescue Error
      raise
    rescue StandardError => e
      [nil, Error.line(e)]
    end

    def find(node)
      env = @machine.env
      return unless env.active_machines.any? { |name, provider| name.to_s == node.name && provider == @machine.provider_name }

      vm = env.machine(node.name.to_sym, @machine.provider_name)
      # Not vm.state: that writes Vagrant's index, where another call may have locked
      # the machine's entry. Inaccessible is a machine that runs without an address.
      vm if %i[running inaccessible].include?(vm.provider.state.id)
    end

    # The machine's key, once Vagrant's last steps are done: the interfaces, and the
    # name in /etc/hosts.
    def host_key(node, vm)
      said = +""
      vm.communicate.sudo("ip -o addr | grep -qF ' #{node.addresses["private_address"]}/' && [ \"$(hostname)\" = '#{node.name}' ] && " \
                          "grep -qw '#{node.name}' /etc/hosts && cat /etc/ssh/ssh_host_ed25519_key.pub", error_check: false) { |_, text| said << text }
      said[/^ssh-ed25519 \S+/]
    end

    # The machine's key, under each address at which it is reached.
    def known(reached)
      ssh = reached.ssh
      at = ssh[:port].to_i == 22 ? ssh[:host] : "[#{ssh[:host]}]:#{ssh[:port]}"
      "#{reached.node.addresses["public_address"]},#{at} #{reached.key}\n"
    end

    # What `lab --target vagrant` has to know.
    def access(ready)
      {"inventory" => @lab.inventory, "provider" => @machine.provider_name, "profile" => @lab.profile, "patience" => @lab.settings["patience"],
       "embedded" => @lab.settings["variables"]["mongodb_embedded"] == true, "user" => ready.first.ssh[:username],
       "keys" => ready.to_h { |r| [r.node.name, File.expand_path(r.ssh[:private_key_path].first)] }}
    end

    def write(path, text)
      File.write("#{path}.new", text, perm: 0o600)
      File.rename("#{path}.new", path)
    end
  end

  # Proves the lab with `lab check`, where that program can be had.
  class Check < Step
    FAILED = "the lab was not checked".freeze

    def run
      return if ENV["CHATLAB_CHECK"] == "later" # `lab up` does it itself

      lab = File.join(@lab.root, "bin", "lab")
      return @machine.ui.warn("bin/lab is not built (`make build`): the lab is not checked") unless File.executable?(lab)

      Host.run(@machine, @lab, lab, "check", "--target", "vagrant", "--state", @lab.state) or
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
