require_relative "rig"

# What stops `vagrant up` before anything starts: one line, and the fix. The
# project is a copy, so that boxes and packages are there as a test wants them.
class PreflightTest < Minitest::Test
  include Rig

  Machine = Struct.new(:name, :provider_name, :env, :ui)

  def setup
    super
    ENV["CHATLAB_PROFILE"] = "debian12"
    @project = copy_of_project
    FileUtils.touch(%w[debian12 el9 el7].map { |profile| File.join(@project, "dist", "chatlab-1-#{profile}.tar") })
    lab_says(0)
    box_file("debian12-libvirt.box", "first")
  end

  # A program of the project that knows what this host may lack.
  def lab_says(status)
    File.write(File.join(@project, "bin", "lab"), "#!/bin/sh\necho \"$*\" >>'#{@dir}/asked'\nexit #{status}\n", perm: 0o755)
  end

  def box_file(name, text)
    Dir.chdir(Dir.mktmpdir(nil, @dir)) do
      File.write("metadata.json", '{"provider": "libvirt", "format": "qcow2", "virtual_size": 1}')
      File.write("box.img", text)
      system(@before["PATH"].split(":").map { |d| File.join(d, "tar") }.find { |f| File.executable?(f) }, "-cf", File.join(@project, "vagrant", "boxes", name), ".", exception: true)
    end
  end

  # Vagrant itself takes a box apart with programs of the host.
  def with_programs
    ENV["PATH"] = "#{@dir}:#{@before["PATH"]}"
  end

  def preflight
    Chatlab::Preflight.verdict = nil
    env = Vagrant::Environment.new(cwd: @project, ui_class: Vagrant::UI::Silent)
    Chatlab::Preflight.new(Chatlab::Lab.load(@project), Machine.new(:log, :libvirt, env, env.ui)).run
    env
  end

  def stopped(name)
    error = assert_raises(Chatlab::Error) { preflight }
    message = error.message.gsub(@project, "PROJECT").gsub(@dir, "DIR").gsub(/this host has \d+/, "this host has SOME")
    assert_equal 2, message.lines.size, message
    golden("stopped-#{name}", message << "\n")
  end

  def asked
    File.read(File.join(@dir, "asked"))
  rescue Errno::ENOENT
    ""
  end

  def test_memory_beyond_the_hosts
    local("memory: 99999999\n")
    stopped("memory")
    assert_equal "", asked
  end

  def test_a_box_that_is_not_built
    FileUtils.rm(File.join(@project, "vagrant", "boxes", "debian12-libvirt.box"))
    stopped("box-debian12")
    ENV["CHATLAB_PROFILE"] = "el7"
    stopped("box-el7")
    assert_equal "", asked
  end

  # What `ansible-playbook --version` says, on a host that is to drive CentOS 7.
  def ansible_says(text)
    ENV["CHATLAB_PROFILE"] = "el7"
    box_file("el7-libvirt.box", "el7")
    File.write(File.join(@dir, "ansible-playbook"), "#!/bin/sh\necho '#{text}'\n", perm: 0o755)
  end

  def test_an_ansible_that_cannot_drive_the_machines
    ansible_says("ansible-playbook [core 2.17.0]")
    stopped("ansible-el7")
    ansible_says("ansible-playbook: no module named ansible")
    stopped("ansible-unknown")
    File.delete(File.join(@dir, "ansible-playbook"))
    stopped("ansible-missing-el7")
    ENV["CHATLAB_PROFILE"] = "debian12"
    local("ansible: host\n")
    stopped("ansible-missing")
    assert_equal "", asked
  end

  def test_an_ansible_that_drives_them
    with_programs
    ["ansible-playbook [core 2.16.14]", "ansible-playbook 2.14.18"].each do |text|
      ansible_says(text)
      preflight
    end
    ansible_says("ansible-playbook [core 2.20.1]")
    ENV["CHATLAB_PROFILE"] = "debian12"
    preflight
  end

  def test_a_profile_without_a_box_for_the_provider
    local("boxes: {debian12: {libvirt: {name: null}}}\n")
    stopped("no-box")
  end

  def test_no_packages_and_nothing_to_build_them_with
    FileUtils.rm(File.join(@project, "dist", "chatlab-1-debian12.tar"))
    stopped("packages")
  end

  def test_packages_that_cannot_be_built
    FileUtils.rm(File.join(@project, "dist", "chatlab-1-debian12.tar"))
    program("go")
    File.write(File.join(@dir, "make"), "#!/bin/sh\nexit 2\n", perm: 0o755)
    stopped("packages-broken")
  end

  def test_a_host_that_is_not_ready
    lab_says(1)
    stopped("doctor")
    assert_match(/\Adoctor --target vagrant --inventory \S+ --state \S+\n\z/, asked)
    ENV["CHATLAB_DOCTOR"] = "done"
    with_programs
    preflight # `lab up` has looked itself
    assert_equal 1, asked.lines.size
  end

  def test_a_box_that_cannot_be_fetched_names_the_end_of_the_registry
    with_programs
    ENV["CHATLAB_PROFILE"] = "el9"
    ENV["VAGRANT_SERVER_URL"] = "http://127.0.0.1:1" # nothing listens there
    error = assert_raises(Chatlab::Error) { preflight }
    assert_match(/\Achatlab: error: the box almalinux\/9 cannot be fetched: Failed to connect to 127\.0\.0\.1 .+\n.+\z/, error.message) # curl's words
    hint = "get its file elsewhere, then `vagrant box add --name almalinux/9 --provider libvirt FILE`; Vagrant's registry of boxes is being shut down (31 December 2026)"
    assert_equal "chatlab: hint: #{hint}", error.message.lines.last
  end

  def test_a_file_that_is_no_box
    with_programs
    File.write(File.join(@project, "vagrant", "boxes", "debian12-libvirt.box"), "no box")
    error = assert_raises(Chatlab::Error) { preflight }
    assert_match(/\Achatlab: error: the box chatlab\/debian12 cannot be fetched: .+\nchatlab: hint: `vagrant\/boxes\/debian12` builds it\z/, error.message)
  end

  def test_a_box_is_added_once_and_again_when_it_was_built_anew
    with_programs
    image = -> { preflight.boxes.find("chatlab/debian12", [:libvirt], ">= 0").directory.join("box.img") }
    added = image.call
    assert_equal "first", added.read
    inode = added.stat.ino
    assert_equal inode, image.call.stat.ino
    box_file("debian12-libvirt.box", "second")
    File.utime(Time.now + 5, Time.now + 5, File.join(@project, "vagrant", "boxes", "debian12-libvirt.box"))
    assert_equal "second", image.call.read
  end

  def test_one_verdict_for_all_machines_of_a_call
    lab_says(1)
    assert_raises(Chatlab::Error) { preflight }
    verdict = Chatlab::Preflight.verdict
    env = Vagrant::Environment.new(cwd: @project, ui_class: Vagrant::UI::Silent)
    again = assert_raises(Chatlab::Error) { Chatlab::Preflight.new(Chatlab::Lab.load(@project), Machine.new(:chat, :libvirt, env, env.ui)).run }
    assert_same verdict, again
    assert_equal 1, asked.lines.size
  end
end
