require "rubygems/package"
require "tempfile"
require_relative "ansible"
require_relative "step"

module Chatlab
  # Runs the playbook from inside the machine log, where the host cannot: it is
  # Windows, or has no Ansible. The deployment's secrets stay on that machine, for
  # root, and a copy is brought to the host.
  class Inside < Step
    FAILED = "the playbook was not run in log".freeze
    PLACE = "/root/chatlab".freeze
    SENT = "/tmp/chatlab".freeze # a folder of the login user
    # Folders of the project that the playbook reads, all but its own tests.
    FOLDERS = %w[ansible zabbix/templates grafana/dashboards grafana/provisioning].freeze
    WITHOUT = %w[ansible/tests/ ansible/.cache/].freeze
    # The program that the playbook asks, as the packages have it: the host's may be for another system.
    PROGRAM = {"bin/lab" => "dist/lab"}.freeze

    def run
      Ansible.new(@lab).check
      @log = machine_named("log") or raise Error.new("the inventory has no machine log", "run Ansible on the host")
      bring
      sudo("sh #{PLACE}/inside.sh #{PLACE}", "the playbook failed in log")
      fetch
    end

    private

    def machine_named(name)
      @machine.env.machine(name.to_sym, @machine.provider_name) if @lab.machines.any? { |m| m.name == name }
    end

    def sudo(command, failed)
      status = @log.communicate.sudo(command, error_check: false) { |_, text| @machine.env.ui.detail(text, new_line: false, prefix: false) }
      raise Error.new("#{failed}: see above", "`vagrant provision` tries again") unless status.zero?
    end

    # One file: of a folder, Vagrant sends each file by itself, below a name that
    # depends on its version. Only root may write to the place. The state stays there.
    def bring
      sudo("rm -rf #{SENT}", "#{SENT} was not removed from log")
      @log.communicate.execute("mkdir -m 0700 #{SENT}")
      Tempfile.create("chatlab") do |file|
        pack(file.binmode)
        file.close
        @log.communicate.upload(file.path, "#{SENT}/project.tar")
      end
      sudo("umask 077 && mkdir -p #{PLACE} && cd #{PLACE} && find . -mindepth 1 -maxdepth 1 ! -name state -exec rm -rf {} + && " \
           "tar --no-same-owner --no-same-permissions -xf #{SENT}/project.tar && rm -rf #{SENT}", "the project was not unpacked in log")
    end

    def pack(file)
      Gem::Package::TarWriter.new(file) do |tar|
        files.each { |to, from| tar.add_file(to, 0o600) { |entry| File.open(from, "rb") { |f| IO.copy_stream(f, entry) } } }
        {"inventory/hosts.yml" => File.binread(inventory_file), "inventory/access.yml" => inventory_of_access}.each do |to, text|
          tar.add_file(to, 0o600) { |entry| entry.write(text) }
        end
      end
    end

    # The files to send: their path on the host, by their name below the place.
    def files
      sent = FOLDERS.flat_map { |folder| Dir.glob("#{folder}/**/*", File::FNM_DOTMATCH, base: @lab.root) }
      sent += Dir.glob("dist/chatlab-*-#{@lab.profile}.tar", base: @lab.root)
      sent = sent.reject { |path| path.start_with?(*WITHOUT) }.to_h { |path| [path, File.join(@lab.root, path)] }
      PROGRAM.each { |to, from| sent[to] = File.join(@lab.root, from) }
      sent["inside.sh"] = File.join(@lab.root, "vagrant", "inside.sh")
      @lab.machines.each { |m| sent["keys/#{m.name}"] = machine_named(m.name).ssh_info[:private_key_path].first }
      sent.select { |_, from| File.file?(from) }
    end

    def inventory_file
      File.directory?(@lab.inventory) ? File.join(@lab.inventory, "hosts.yml") : @lab.inventory
    end

    # How the machines are reached from there, and the playbook's variables.
    def inventory_of_access
      hosts = @lab.machines.to_h do |m|
        [m.name, {"ansible_host" => m.addresses["private_address"], "ansible_user" => machine_named(m.name).ssh_info[:username],
                  "ansible_ssh_private_key_file" => "#{PLACE}/keys/#{m.name}"}]
      end
      {"all" => {"hosts" => hosts, "vars" => @lab.variables.merge("lab_state" => "#{PLACE}/state", "chatlab_packages_dir" => "#{PLACE}/dist")}}.to_yaml
    end

    # One file too: Vagrant downloads no folder.
    def fetch
      archive = "#{SENT}/state.tar"
      @log.communicate.execute("mkdir -m 0700 #{SENT}")
      sudo("tar --format=ustar -cf #{archive} -C #{PLACE}/state . && chown #{@log.ssh_info[:username]} #{archive}", "the secrets were not packed in log")
      Tempfile.create("chatlab") do |file|
        file.close
        @log.communicate.download(archive, file.path)
        unpack(file.path)
      end
      sudo("rm -rf #{SENT}", "#{SENT}, with a copy of the secrets, was not removed from log")
    end

    def unpack(archive)
      File.open(archive, "rb") do |file|
        Gem::Package::TarReader.new(file).each do |entry|
          to = File.expand_path(entry.full_name, @lab.state)
          FileUtils.mkdir_p(entry.directory? ? to : File.dirname(to), mode: 0o700)
          File.binwrite(to, entry.read.to_s, perm: 0o600) if entry.file?
        end
      end
    end
  end
end
