# The Vagrantfile, as Vagrant reads it, for each provider and profile, compared with
# golden files; and what it says of wrong settings.
require_relative "rig"
require_relative "dump"

class VagrantfileTest < Minitest::Test
  include Rig

  def text(provider)
    JSON.pretty_generate(Dump.lab(ROOT, provider)).gsub(ROOT, "ROOT").gsub(@dir, "DIR") << "\n"
  end

  # The one line that stops the lab, without the folder's name.
  def refused
    error = assert_raises(Vagrant::Errors::VagrantError) { Dump.lab(ROOT, :libvirt) }
    error.message.gsub(@dir, "DIR").gsub(ROOT, "ROOT")
  end

  %i[virtualbox libvirt].each do |provider|
    %w[el7 debian12 el9].each do |profile|
      define_method("test_#{profile}_on_#{provider}") do
        ENV["CHATLAB_PROFILE"] = profile
        golden("#{profile}-#{provider}", text(provider))
      end
    end
  end

  def test_the_example_of_local_settings_works
    local(File.read(File.join(ROOT, "vagrant", "local.example.yml")))
    golden("local-example-libvirt", text(:libvirt))
  end

  def test_a_checksum_and_a_version_hold_for_the_box_of_that_name_alone
    mirror = "file:///srv/boxes/copy.box"
    [["el7", %w[box_url box_download_checksum]], ["debian12", %w[box_version]]].each do |profile, keys|
      ENV["CHATLAB_PROFILE"] = profile
      name = Chatlab::Lab.load(ROOT).box(:virtualbox).name
      local("boxes: {#{profile}: {virtualbox: {name: #{name}, url: '#{mirror}'}}}\n")
      assert_empty keys - Chatlab::Lab.load(ROOT).box(:virtualbox).settings.keys
      local("boxes: {#{profile}: {virtualbox: {name: my/own, url: '#{mirror}'}}}\n")
      assert_equal({"box" => "my/own", "box_url" => mirror}, Chatlab::Lab.load(ROOT).box(:virtualbox).settings)
    end
  end

  def test_without_ansible_the_playbook_runs_in_log
    File.delete(File.join(@dir, "ansible-playbook"))
    steps = Dump.lab(ROOT, :libvirt)
    assert_equal [[], [], %w[chatlab_machines chatlab_playbook chatlab_check]], steps.values.map { |m| m["provisioners"].map { |p| p["type"] } }
  end

  def test_another_inventory_has_other_names_and_addresses
    FileUtils.mkdir(File.join(@dir, "mine"))
    File.write(File.join(@dir, "mine", "hosts.yml"), "all: {hosts: {one: {public_address: 10.1.1.1, private_address: 10.1.2.1}}}\n")
    ENV["CHATLAB_INVENTORY"] = File.join(@dir, "mine")
    networks = Dump.lab(ROOT, :libvirt).fetch("one")["networks"].map(&:last)
    assert_equal [["10.1.1.1", "chatlab-mine-public"], ["10.1.2.1", "chatlab-mine-private"]], networks.map { |n| n.values_at("ip", "libvirt__network_name") }
  end

  def test_an_inventory_without_hosts_is_refused
    path = File.join(@dir, "hosts.yml")
    ENV["CHATLAB_INVENTORY"] = path
    ["", "- a\n", "all: 1\n", "all: {hosts: [a]}\n"].each do |text|
      File.write(path, text)
      assert_equal "chatlab: error: DIR/hosts.yml names no hosts\nchatlab: hint: it needs all.hosts, as ansible/inventories/lab/hosts.yml has", refused, text.inspect
    end
  end

  def test_no_address_of_the_lab_stands_outside_the_inventory
    addresses = YAML.load_file(File.join(ROOT, "ansible/inventories/lab/hosts.yml")).dig("all", "hosts").values.flat_map(&:values)
    Dir.glob(File.join(ROOT, "{Vagrantfile,vagrant/*.{rb,yml,sh},vagrant/boxes/*}")).select { |f| File.file?(f) && !f.end_with?(".box") }.each do |path|
      addresses.each { |a| refute_includes File.read(path), a[/\d+\.\d+\.\d+\./], path }
    end
  end

  {
    "yaml" => ["memory: [1\n", nil],
    "list" => ["- a\n", nil],
    "unknown-key" => ["memry: 1\n", nil],
    "memory" => ["memory: lots\n", nil],
    "small" => ["memory: 100\n", nil],
    "patience" => ["patience: 0.1\n", nil],
    "machine" => ["machines: {database: {memory: 1024}}\n", nil],
    "machine-key" => ["machines: {log: {ram: 1024}}\n", nil],
    "profile" => ["profile: el8\n", nil],
    "provider" => ["provider: hyperv\n", nil],
    "provider-env" => ["{}\n", {"VAGRANT_DEFAULT_PROVIDER" => "kvm"}],
    "provider-setting" => ["providers: {libvirt: {memmory: 1}}\n", nil],
    "table" => ["boxes: none\n", nil],
    "inventory" => ["inventory: nowhere\n", nil]
  }.each do |name, (settings, environment)|
    define_method("test_refused_#{name.tr("-", "_")}") do
      local(settings)
      ENV.update(environment || {})
      message = refused
      assert_equal 2, message.lines.size, message
      golden("refused-#{name}", message << "\n")
    end
  end
end
