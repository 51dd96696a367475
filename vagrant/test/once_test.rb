require "open3"
require_relative "rig"

# Vagrant itself, with three machines at the same time, on libvirt's test driver:
# it needs no daemon, and has no storage pool `default`, as a new host.
class OnceTest < Minitest::Test
  include Rig

  def setup
    super
    ENV["PATH"] = @before["PATH"]
    ENV["CHATLAB_PROFILE"] = "debian12"
    ENV["VAGRANT_DEFAULT_PROVIDER"] = "libvirt"
    ENV["VAGRANT_CHECKPOINT_DISABLE"] = "1"
    @project = copy_of_project
  end

  def vagrant(*argv)
    said, status = Open3.capture2e("vagrant", "--no-tty", *argv, chdir: @project)
    refute_match(/\.rb:\d+:in /, said)
    [said, status.exitstatus]
  end

  def errors(said)
    said.lines.grep(/error/i).map { |line| line.gsub(/\d+/, "N").chomp }
  end

  def test_an_error_of_preflight_is_shown_once_and_nothing_is_left_to_destroy
    local("memory: 99999999\nproviders: {libvirt: {uri: \"test:///default\"}}\n")
    said, status = vagrant("up")
    assert_equal ["chatlab: error: the machines ask for N MiB of memory, this host has N"], errors(said), said
    assert_equal 1, status
    said, status = vagrant("destroy", "-f")
    assert_equal [[], 0], [errors(said), status], said
  end

  def test_an_error_for_one_machine_is_shown_once
    local("memory: 99999999\n")
    said, status = vagrant("up", "log")
    assert_equal [["chatlab: error: the machines ask for N MiB of memory, this host has N"], 1], [errors(said), status], said
  end
end
