require "fog/libvirt"
require_relative "rig"

# The step that waits for the machines, and the output of a step that fails.
class MachinesTest < Minitest::Test
  include Rig

  # A machine as the step sees it. Its SSH session breaks when it is used while the
  # thread that brings the machine up still runs, as Net::SSH's does.
  class Vm
    State = Struct.new(:id)
    attr_reader :name, :env, :ui
    attr_accessor :state, :troubles

    def initialize(name, env, answer)
      @name = name
      @env = env
      @ui = env.ui
      @answer = answer
      @state = :running
      @troubles = []
    end

    def provider_name = :libvirt
    def provider_options = {parallel: true}
    def provider = Struct.new(:state).new(State.new(@state))
    def communicate = self

    def ssh_info
      raise @troubles.shift unless @troubles.empty?

      {host: "192.0.2.99", port: "22", username: "vagrant", private_key_path: ["/keys/#{@name}"]}
    end

    def sudo(_command, error_check:)
      coming = Chatlab::Preflight.coming[@name.to_s]
      raise IOError, "closed stream" if coming&.alive? && coming != Thread.current

      yield :stdout, @answer
      error_check ? nil : 0
    end
  end

  Env = Struct.new(:ui, :vms) do
    def active_machines = vms.keys.map { |name| [name, :libvirt] }
    def machine(name, _provider) = vms.fetch(name)
  end

  # Without the pause between two looks, and with an end of them.
  class Hasty < Chatlab::Machines
    def sleep(_seconds)
      @looks = @looks.to_i + 1
      raise "it looks again and again" if @looks > 10
    end
  end

  def setup
    super
    ENV["CHATLAB_STATE"] = File.join(@dir, "state")
    Chatlab::Preflight.coming.clear
    Chatlab::Guard::SHOWN.clear
    @lab = Chatlab::Lab.load(ROOT)
    @env = Env.new(Vagrant::UI::Silent.new, {})
    @lab.machines.each { |m| @env.vms[m.name.to_sym] = Vm.new(m.name.to_sym, @env, "ssh-ed25519 KEY-#{m.name} root@#{m.name}\n") }
  end

  def teardown
    Chatlab::Preflight.coming.clear
    super
  end

  def step(kind = Hasty)
    config = Chatlab::StepConfig.new
    config.lab = @lab
    kind.new(@env.vms[@lab.machines.last.name.to_sym], config)
  end

  def refused
    assert_raises(Chatlab::Error) { step.provision }.message
  end

  def test_it_records_how_the_machines_are_reached
    step.provision
    assert_equal @lab.machines.map { |m| "#{m.addresses["public_address"]},192.0.2.99 ssh-ed25519 KEY-#{m.name}\n" }.join, File.read(@lab.known_hosts)
    access = JSON.parse(File.read(File.join(@lab.state, "access.json")))
    assert_equal @lab.machines.to_h { |m| [m.name, "/keys/#{m.name}"] }, access["keys"]
    assert_equal "vagrant", access["user"]
  end

  def test_the_session_of_a_machine_that_comes_up_is_left_to_its_thread
    gate = Queue.new
    first = Chatlab::Preflight.coming[@lab.machines.first.name] = Thread.new { gate.pop }
    waiting = Thread.new { step.provision }
    waiting.report_on_exception = false
    Thread.pass until !waiting.alive? || waiting.status == "sleep"
    assert waiting.alive?, "it did not wait"
    gate << :up
    waiting.value
    refute first.alive?
    assert_path_exists @lab.known_hosts
  end

  def test_a_library_that_gives_up_is_asked_again
    @env.vms.values.each { |vm| vm.troubles = [Fog::Errors::TimeoutError.new("The specified wait_for timeout (2 seconds) was exceeded"), IOError.new("closed stream")] }
    step.provision
    assert_path_exists @lab.known_hosts
  end

  def test_a_machine_that_is_never_ready
    @lab.define_singleton_method(:boot_timeout) { 0 }
    first = @env.vms.values.first
    first.troubles = Array.new(1000) { Fog::Errors::TimeoutError.new("The specified\nwait_for timeout") }
    assert_equal "chatlab: error: machine #{first.name} is not ready after 0 s: The specified wait_for timeout (Fog::Errors::TimeoutError)", refused.lines.first.chomp
    Chatlab::Preflight.coming[first.name.to_s] = Thread.new { sleep }
    assert_equal "chatlab: error: machine #{first.name} is not ready after 0 s: Vagrant has not brought it up", refused.lines.first.chomp
    Chatlab::Preflight.coming[first.name.to_s].kill
  end

  def test_a_machine_that_is_not_up
    first = @env.vms.values.first
    first.state = :shutoff
    assert_equal "chatlab: error: machine #{first.name} is not up", refused.lines.first.chomp
    Chatlab::Preflight.coming[first.name.to_s] = Thread.new { Thread.current[:error] = Vagrant::Errors::VagrantError.new }.tap(&:join)
    assert_equal "chatlab: error: machine #{first.name} did not come up, and the playbook needs all", refused.lines.first.chomp
  end

  # Vagrant's own batch of machines, which ends the process.
  def batch
    read, write = IO.pipe
    child = fork do
      [$stdout, $stderr].each { |io| io.reopen(write) }
      @env.ui = Vagrant::UI::Basic.new
      @env.vms.values.each { |vm| vm.instance_variable_set(:@ui, @env.ui) }
      run = Vagrant::BatchAction.new
      @env.vms.each_value { |vm| run.custom(vm) { yield vm } }
      run.run
      exit!(0)
    rescue Vagrant::Errors::VagrantError => e
      $stderr.puts(e.message)
      exit!(9)
    end
    write.close
    said = read.read
    Process.wait(child)
    [said, $?.exitstatus]
  end

  def test_an_error_in_a_step_is_one_line_shown_once
    broken = Class.new(Chatlab::Step) { def run = raise("closed\nstream") }
    broken.const_set(:FAILED, "the step did nothing")
    config = Chatlab::StepConfig.new
    config.lab = @lab
    said, status = batch { |vm| broken.new(vm, config).provision }
    assert_equal "chatlab: error: the step did nothing: closed stream (RuntimeError)\nchatlab: hint: VAGRANT_LOG=error in the environment shows where\n", said
    assert_equal 1, status
  end
end
