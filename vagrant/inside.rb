module Chatlab
  # Runs the playbook from inside the machine log, where the host cannot: it is
  # Windows, or has no Ansible. The deployment's secrets stay on that machine, for
  # root, and a copy is brought to the host.
  class Inside < Vagrant.plugin("2", :provisioner)
    PLACE = "/root/chatlab".freeze

    def provision
      @lab = config.lab
      raise Error.new("profile el7 has no Ansible that the playbook could run on", "install ansible-core 2.14 to 2.16 on the host, or choose profile debian12 or el9") if @lab.profile == "el7"

      @log = machine_named("log") or raise Error.new("the inventory has no machine log", "run Ansible on the host")
      bring
      sudo("sh #{PLACE}/ansible/inside.sh #{PLACE}")
      fetch
    end

    private

    def machine_named(name)
      @machine.env.machine(name.to_sym, @machine.provider_name) if @lab.machines.any? { |m| m.name == name }
    end

    def sudo(command)
      @log.communicate.sudo(command) { |_, text| @machine.env.ui.detail(text, new_line: false, prefix: false) }
    end

    # By way of a folder of the login user: only root may write to the place.
    def bring
      sudo("rm -rf /tmp/chatlab && mkdir -p -m 0700 #{PLACE}/dist #{PLACE}/keys && find #{PLACE}/dist #{PLACE}/ansible -mindepth 1 -delete 2>/dev/null || true")
      @log.communicate.execute("mkdir -m 0700 /tmp/chatlab /tmp/chatlab/keys")
      %w[ansible vagrant/inside.sh].each { |path| upload(File.join(@lab.root, path), File.basename(path)) }
      Dir.glob(File.join(@lab.root, "dist", "chatlab-*-#{@lab.profile}.tar")).each { |path| upload(path, File.basename(path)) }
      upload(inventory_file, "hosts.yml")
      @lab.machines.each { |m| upload(machine_named(m.name).ssh_info[:private_key_path].first, "keys/#{m.name}") }
      upload_text(inventory_of_access, "access.yml")
      sudo("cd /tmp/chatlab && mv *.tar #{PLACE}/dist/ && mkdir -p #{PLACE}/inventory && mv hosts.yml access.yml #{PLACE}/inventory/ && " \
           "mv keys/* #{PLACE}/keys/ && rm -rf #{PLACE}/ansible && mv inside.sh ansible/ && mv ansible #{PLACE}/ && " \
           "chown -R 0:0 #{PLACE} && chmod -R go= #{PLACE} && rm -rf /tmp/chatlab")
    end

    def inventory_file
      File.directory?(@lab.inventory) ? File.join(@lab.inventory, "hosts.yml") : @lab.inventory
    end

    def upload(from, to)
      @log.communicate.upload(from, "/tmp/chatlab/#{to}")
    end

    def upload_text(text, to)
      Tempfile.create("chatlab") do |f|
        f.write(text)
        f.close
        upload(f.path, to)
      end
    end

    # How the machines are reached from there, and the playbook's variables.
    def inventory_of_access
      hosts = @lab.machines.to_h do |m|
        [m.name, {"ansible_host" => m.addresses["private_address"], "ansible_user" => machine_named(m.name).ssh_info[:username],
                  "ansible_ssh_private_key_file" => "#{PLACE}/keys/#{m.name}"}]
      end
      {"all" => {"hosts" => hosts, "vars" => @lab.variables.merge("lab_state" => "#{PLACE}/state", "chatlab_packages_dir" => "#{PLACE}/dist")}}.to_yaml
    end

    def fetch
      user = @log.ssh_info[:username]
      sudo("rm -rf /tmp/chatlab-state && cp -a #{PLACE}/state /tmp/chatlab-state && chown -R #{user} /tmp/chatlab-state")
      FileUtils.mkdir_p(@lab.state, mode: 0o700)
      @log.communicate.download("/tmp/chatlab-state/.", @lab.state)
      FileUtils.chmod_R("go=", @lab.state)
      sudo("rm -rf /tmp/chatlab-state")
    end
  end
end
