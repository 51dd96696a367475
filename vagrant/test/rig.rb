require "minitest/autorun"
require "tmpdir"
require "vagrant"
require "vagrant-libvirt"
require_relative "../lab"

ROOT = File.expand_path("../..", __dir__)

# A folder and an environment of a test's own.
module Rig
  # Vagrant remembers its first home, and makes a folder in it when that test is
  # long over: all folders are removed once more at the end.
  DIRS = []
  Minitest.after_run { FileUtils.rm_rf(DIRS) }

  def setup
    DIRS << @dir = Dir.mktmpdir
    @before = ENV.to_h
    ENV.delete_if { |name, _| name.start_with?("CHATLAB_", "VAGRANT_DEFAULT") }
    ENV["CHATLAB_INVENTORY"] = File.join(ROOT, "ansible", "tests", "inventory") # the lab's addresses stand in no golden file
    ENV["VAGRANT_DOTFILE_PATH"] = File.join(@dir, "dot")
    ENV["VAGRANT_HOME"] = File.join(@dir, "home")
    # Whatever is installed here, Ansible is found or not as a test wants it.
    ENV["PATH"] = @dir
    program("ansible-playbook")
  end

  def teardown
    ENV.replace(@before)
    FileUtils.rm_rf(@dir)
  end

  # The parts of the project that Vagrant reads, with nothing built.
  def copy_of_project
    project = File.join(@dir, "project")
    FileUtils.mkdir_p(%w[dist bin vagrant/boxes ansible/roles].map { |folder| File.join(project, folder) })
    FileUtils.cp(File.join(ROOT, "Vagrantfile"), project)
    FileUtils.cp(Dir.glob(File.join(ROOT, "vagrant", "*.yml")).reject { |path| path.end_with?("/local.yml") }, File.join(project, "vagrant"))
    FileUtils.ln_s(Dir.glob(File.join(ROOT, "vagrant", "*.rb")), File.join(project, "vagrant")) # as links, so that Ruby loads each once
    FileUtils.cp_r(File.join(ROOT, "ansible", "inventories"), File.join(project, "ansible"))
    FileUtils.cp_r(File.join(ROOT, "ansible", "roles", "preflight"), File.join(project, "ansible", "roles"))
    project
  end

  def program(name)
    File.write(File.join(@dir, name), "#!/bin/sh\n", perm: 0o755)
  end

  def local(text)
    ENV.delete("CHATLAB_INVENTORY") if text.start_with?("inventory:") # which would win
    ENV["CHATLAB_VAGRANT_LOCAL"] = File.join(@dir, "local.yml")
    File.write(ENV["CHATLAB_VAGRANT_LOCAL"], text)
  end

  def golden(name, got)
    path = File.join(__dir__, "golden", "#{name}.json")
    File.write(path, got) if ENV["UPDATE"]
    assert_equal File.read(path), got, "#{path}: if this is as it should be: UPDATE=1 ruby vagrant/test/test.rb"
  end
end
