module Chatlab
  # After the last machine is gone: what the provider keeps of it. libvirt keeps a
  # copy of the box as a volume, of a gigabyte or more.
  class Leftovers
    def initialize(lab, machine)
      @lab = lab
      @machine = machine
    end

    def remove
      return unless @machine.provider_name == :libvirt && @lab.machines.none? { |m| exists?(m) }

      connection = @machine.provider.driver.connection
      volumes = connection.volumes.all
      mine = "#{@lab.box(:libvirt).name.gsub("/", "-VAGRANTSLASH-")}_vagrant_box_image_"
      volumes.select { |v| v.name.start_with?(mine) && !backing?(volumes, v) }.each do |v|
        @machine.ui.info("Removing the volume #{v.name}")
        v.destroy
      end
    end

    private

    # Another lab's machine may stand on it.
    def backing?(volumes, volume)
      client = @machine.provider.driver.connection.client
      volumes.any? { |v| client.lookup_storage_vol_by_path(v.path).xml_desc[%r{<backingStore>.*?<path>([^<]*)}m, 1] == volume.path }
    end

    def exists?(machine)
      env = @machine.env
      env.active_machines.any? { |name, provider| name.to_s == machine.name && env.machine(name, provider).state.id != :not_created }
    end
  end
end
