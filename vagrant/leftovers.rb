module Chatlab
  # After the last machine is gone: what the provider keeps of it. libvirt keeps a
  # copy of the box as a volume, of a gigabyte or so.
  class Leftovers
    LOCK = Mutex.new # machines are destroyed at the same time

    def initialize(lab, machine)
      @lab = lab
      @machine = machine
    end

    def remove
      return unless @machine.provider_name == :libvirt

      Guard.watch(@machine, "the copy of the box in libvirt was not removed") do
        LOCK.synchronize { remove_boxes if @lab.machines.none? { |m| exists?(m) } }
      end
    end

    private

    def remove_boxes
      pool = storage_pool or return
      pool.refresh
      volumes = pool.list_volumes.map { |name| pool.lookup_volume_by_name(name) }
      bases = volumes.map { |v| v.xml_desc[%r{<backingStore>.*?<path>([^<]*)}m, 1] } # another lab's machines may stand on one
      mine = "#{@lab.box(:libvirt).name.gsub("/", "-VAGRANTSLASH-")}_vagrant_box_image_"
      volumes.select { |v| v.name.start_with?(mine) && !bases.include?(v.path) }.each do |v|
        @machine.ui.info("Removing the volume #{v.name}")
        v.delete
      end
    end

    # Vagrant defines the pool when the first machine comes up: before that, nil.
    def storage_pool
      client = @machine.provider.driver.connection.client
      name = @machine.provider_config.storage_pool_name
      client.lookup_storage_pool_by_name(name) if client.list_storage_pools.include?(name)
    end

    def exists?(machine)
      env = @machine.env
      env.active_machines.any? { |name, provider| name.to_s == machine.name && env.machine(name, provider).state.id != :not_created }
    end
  end
end
