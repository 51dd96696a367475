require "etc"

module Chatlab
  # What must be so before the first machine starts. It runs once for a call of
  # Vagrant, however many machines come up at the same time. Here is what the
  # settings alone can get wrong, on any host; what the host may lack, `lab doctor
  # --target vagrant` knows. Only what takes long, and changes something, is last.
  class Preflight
    LOCK = Mutex.new
    @verdict = nil
    @coming = {}

    class << self
      attr_accessor :verdict
      attr_reader :coming # the threads of the machines that this call brings up
    end

    def initialize(lab, machine)
      @lab = lab
      @machine = machine
    end

    def run
      self.class.coming[@machine.name.to_s] = Thread.current
      verdict = LOCK.synchronize { self.class.verdict ||= judge }
      Guard.stop(@machine, verdict) if verdict.is_a?(Error)
    end

    private

    def judge
      box = @lab.box(@machine.provider_name)
      box.check
      memory
      built(box)
      Ansible.new(@lab).check
      doctor
      packages
      fetch(box) unless current?(box)
      :fine
    rescue StandardError => e
      Error.of(e, "the host was not looked over")
    end

    def say(text)
      @machine.ui.info(text)
    end

    # A machine that runs has its memory already.
    def memory
      have = host_memory
      asked = @lab.machines.reject { |m| up?(m) }.sum(&:memory)
      return if have.nil? || asked <= have

      raise Error.new("the machines ask for #{asked} MiB of memory, this host has #{have}",
                      "give them less: memory and machines in #{@lab.settings.local}")
    end

    def up?(machine)
      env = @machine.env
      env.active_machines.any? { |name, provider| name.to_s == machine.name && env.machine(name, provider).state.id == :running }
    end

    # MiB, nil where it is not known how to ask.
    def host_memory
      if File.readable?("/proc/meminfo")
        File.read("/proc/meminfo")[/^MemTotal:\s+(\d+)/, 1].to_i / 1024
      elsif Vagrant::Util::Platform.darwin?
        `sysctl -n hw.memsize`.to_i / 1024 / 1024
      end
    end

    def packages
      return unless Dir.glob(File.join(@lab.root, "dist", "chatlab-*-#{@lab.profile}.tar")).empty?
      raise Error.new("dist/ has no packages for #{@lab.profile}", "`make packages` on Linux with Go builds them") unless tool?("make") && tool?("go")

      say("Packages: make packages (once, a minute or two)")
      host("make", "--no-print-directory", "-s", "packages") or raise Error.new("the packages cannot be built", "`make packages` says why")
    end

    # What else could stop it, where the program that knows can be had.
    def doctor
      return if ENV["CHATLAB_DOCTOR"] == "done"

      lab = File.join(@lab.root, "bin", "lab")
      host("make", "--no-print-directory", "-s", "build") if !File.executable?(lab) && tool?("make") && tool?("go")
      return say("bin/lab is not built: what could stop the machines is not looked at") unless File.executable?(lab)

      host(lab, "doctor", "--target", "vagrant", "--inventory", @lab.inventory, "--state", @lab.state) or
        raise Error.new("this host is not ready for the lab: see above", "mend what `bin/lab doctor --target vagrant` names")
    end

    def built(box)
      return if box.file.nil? || File.exist?(box.file) || current?(box)

      raise Error.new("the box #{box.name} is not built: there is no #{box.file}", box.way_round)
    end

    # A box that was built again replaces what Vagrant has of it.
    def current?(box)
      here = @machine.env.boxes.find(box.name, [@machine.provider_name], box.version || ">= 0") or return false

      box.file.nil? || !File.exist?(box.file) || File.mtime(box.file) <= here.directory.join("metadata.json").ctime
    end

    def fetch(box)
      say("Box #{box.name}: #{box.url || "from Vagrant's registry"}")
      set = box.settings
      @machine.env.action_runner.run(
        Vagrant::Action.action_box_add,
        ui: @machine.ui, box_name: box.name, box_url: box.url || box.name, box_version: box.version, box_provider: @machine.provider_name, box_force: true,
        box_checksum: set["box_download_checksum"], box_checksum_type: set["box_download_checksum_type"]
      )
    rescue Vagrant::Errors::VagrantError => e
      raise Error.new("the box #{box.name} cannot be fetched: #{Error.line(e)}", box.way_round)
    end

    def tool?(name)
      !Vagrant::Util::Which.which(name).nil?
    end

    # Runs a program of the host in the project's folder, with its output shown.
    def host(*argv)
      Host.run(@machine, @lab, *argv)
    end
  end
end
