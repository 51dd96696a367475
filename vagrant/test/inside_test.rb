require "open3"
require_relative "rig"

# What the machine log is sent where the playbook runs there.
class InsideTest < Minitest::Test
  include Rig

  # The machine log: a folder, in which its commands run with paths below it, as root's.
  class Log
    attr_reader :asked

    def initialize(root)
      @root = root
      @asked = []
      FileUtils.mkdir_p([below("/tmp"), below("/root")])
    end

    def below(path) = File.join(@root, path)

    def execute(command, error_check: true)
      @asked << command
      text = command.gsub(%r{(?<![\w.])/(tmp|root)/}) { below("/#{$1}/") }.gsub(/chown \S+/, "test -e")
      said, status = Open3.capture2e("sh", "-c", text, unsetenv_others: false)
      yield :stdout, said if block_given?
      raise said if error_check && !status.success?

      status.exitstatus
    end
    alias sudo execute

    # Neither takes a folder: Vagrant puts a folder that is sent below one of its name, and fetches none.
    def upload(from, to) = FileUtils.cp(from, below(to))
    def download(from, to) = FileUtils.cp(below(from), to)
  end

  Vm = Struct.new(:name, :env, :communicate) do
    def provider_name = :libvirt
    def ssh_info = {username: "kim", private_key_path: [env.key]}
  end

  Env = Struct.new(:ui, :vms, :key) do
    def machine(name, _provider) = vms.fetch(name)
  end

  def setup
    super
    File.delete(File.join(@dir, "ansible-playbook"))
    ENV["PATH"] = @before["PATH"]
    ENV["CHATLAB_PROFILE"] = "debian12"
    ENV["CHATLAB_STATE"] = File.join(@dir, "state")
    local("ansible: log\n")
    @lab = Chatlab::Lab.load(ROOT)
    @log = Log.new(File.join(@dir, "log"))
    File.write(key = File.join(@dir, "key"), "KEY")
    @env = Env.new(Vagrant::UI::Silent.new, {}, key)
    @lab.machines.each { |m| @env.vms[m.name.to_sym] = Vm.new(m.name.to_sym, @env, @log) }
    config = Chatlab::StepConfig.new
    config.lab = @lab
    @step = Chatlab::Inside.new(@env.vms.values.last, config)
  end

  # A playbook that leaves secrets, or fails.
  def playbook(script)
    FileUtils.mkdir_p(place = @log.below("/root/bin"))
    File.write(File.join(place, "ansible-playbook"), "#!/bin/sh\n#{script}\n", perm: 0o755)
    ENV["PATH"] = "#{place}:#{ENV["PATH"]}"
  end

  def sent(path) = @log.below("/root/chatlab/#{path}")

  # The project's folders and files that stand in the playbook, but for those that
  # variables of the call replace.
  def outside
    texts = Dir.glob(File.join(ROOT, "ansible", "**", "*.{yml,j2,py}")).reject { |path| path.include?("/ansible/tests/") }.map { |path| File.read(path) }
    texts.join.scan(%r{playbook_dir\s*(?:~\s*'|\}\})/\.\./([\w./-]+)}).flatten.uniq - %w[.lab/ dist] - Chatlab::Inside::PROGRAM.keys
  end

  def test_all_that_the_playbook_reads_outside_its_folder_is_sent
    assert_operator outside.size, :>=, 3, "the playbook's paths are written in another way now"
    playbook("mkdir -p ../state/secrets && echo hidden >../state/secrets/a.password && : >../state/empty")
    @step.provision
    outside.each { |path| assert(Chatlab::Inside::FOLDERS.any? { |folder| path == folder || path.start_with?("#{folder}/") }, "#{path} is not sent") }
    Chatlab::Inside::FOLDERS.each do |folder|
      Dir.glob("#{folder}/**/*", base: ROOT).select { |path| File.file?(File.join(ROOT, path)) && !path.start_with?(*Chatlab::Inside::WITHOUT) }.each do |path|
        assert(FileUtils.identical?(File.join(ROOT, path), sent(path)), path)
      end
    end
    refute_path_exists sent("ansible/tests")
    assert_equal "KEY", File.read(sent("keys/auth"))
    assert_equal "kim", YAML.load_file(sent("inventory/access.yml")).dig("all", "hosts", "chat", "ansible_user")
    assert_equal 0, File.stat(sent("keys/auth")).mode & 0o077
  end

  def test_the_program_that_the_playbook_asks_is_sent
    File.write(program = File.join(@dir, "lab"), "#!/bin/sh\necho asked\n")
    @step.define_singleton_method(:files) { super().merge("bin/lab" => program) }
    playbook("test -x ../bin/lab && mkdir -p ../state && ../bin/lab >../state/said")
    @step.provision
    assert_equal "asked\n", File.read(File.join(@lab.state, "said"))
  end

  def test_the_secrets_are_brought_to_the_host_and_stay_there
    playbook("test -e ../state/first || { mkdir -p ../state/secrets; echo hidden >../state/secrets/a.password; : >../state/first; }")
    2.times { @step.provision }
    path = File.join(@lab.state, "secrets", "a.password")
    assert_equal "hidden\n", File.read(path)
    assert_equal [0o600, 0o700], [path, File.dirname(path)].map { |each| File.stat(each).mode & 0o777 }
    refute_path_exists @log.below("/tmp/chatlab")
  end

  def test_a_playbook_that_fails_is_one_line
    playbook("echo 'fatal: [chat]'; exit 2")
    assert_equal "chatlab: error: the playbook failed in log: see above\nchatlab: hint: `vagrant provision` tries again", assert_raises(Chatlab::Error) { @step.provision }.message
  end

  def test_el7_has_no_ansible
    ENV["CHATLAB_PROFILE"] = "el7"
    config = Chatlab::StepConfig.new
    config.lab = Chatlab::Lab.load(ROOT)
    message = assert_raises(Chatlab::Error) { Chatlab::Inside.new(@env.vms.values.last, config).provision }.message
    assert_equal "chatlab: error: profile el7 has no Ansible that the playbook could run on", message.lines.first.chomp
    assert_empty @log.asked
  end
end
