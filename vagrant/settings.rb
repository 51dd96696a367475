require "yaml"

module Chatlab
  # The tables vagrant/*.yml with the user's own vagrant/local.yml laid over them.
  class Settings
    TABLES = %w[boxes networks providers].freeze
    # Keys of settings.yml whose values are the user's own names.
    OPEN = %w[machines variables].freeze
    # Keys of a box that hold for no other one.
    OF_ONE_BOX = %w[version sha256].freeze
    ENVIRONMENT = {"profile" => "CHATLAB_PROFILE", "inventory" => "CHATLAB_INVENTORY", "state" => "CHATLAB_STATE"}.freeze

    attr_reader :root, :tables

    # YAML.safe_load_file is not in the Ruby 2.7 of Vagrant's own packages before 2.4.
    def self.yaml(path)
      YAML.safe_load(File.read(path, encoding: "bom|utf-8"), aliases: true, filename: path)
    end

    def initialize(root)
      @root = root
      @defaults = read(path("settings"))
      @tables = TABLES.to_h { |name| [name, read(path(name))] }
      overlay
      ENVIRONMENT.each { |key, name| @defaults[key] = ENV[name] if ENV[name].to_s != "" }
      check_types
    end

    def [](key)
      @defaults.fetch(key)
    end

    # The user's file; the environment may name another one.
    def local
      File.expand_path(ENV["CHATLAB_VAGRANT_LOCAL"] || "vagrant/local.yml", @root)
    end

    # A path as the project's folder sees it.
    def file(key)
      File.expand_path(self[key], @root)
    end

    private

    def path(name)
      File.join(@root, "vagrant", "#{name}.yml")
    end

    def read(path)
      Settings.yaml(path) || {}
    rescue Psych::SyntaxError => e
      raise Error.new("#{path}:#{e.line}: #{e.problem} #{e.context}".strip, "mend that line; vagrant/local.example.yml shows how it looks")
    rescue SystemCallError => e
      raise Error.new(e.message, "name a file that you can read")
    end

    def overlay
      return unless File.exist?(local) || ENV["CHATLAB_VAGRANT_LOCAL"]

      own = read(local)
      raise wrong("it must hold `key: value` lines") unless own.is_a?(Hash)

      known = @defaults.keys + TABLES
      unknown = own.keys.map(&:to_s) - known
      raise wrong("no setting is called #{unknown.first}", "there are #{known.join(", ")}") unless unknown.empty?

      own.each do |key, value|
        TABLES.include?(key) ? @tables[key] = merge(@tables[key], value, key) : @defaults[key] = merge(@defaults[key], value, key)
      end
    end

    # Lays one value over another: of two tables, each key. A table that names
    # another box inherits no version and no checksum.
    def merge(old, new, where)
      return new unless old.is_a?(Hash)
      raise wrong("#{where} must be a table") unless new.is_a?(Hash)

      old = old.reject { |key, _| OF_ONE_BOX.include?(key) } if new.key?("name") && new["name"] != old["name"]
      old.merge(new) { |key, a, b| merge(a, b, "#{where}.#{key}") }
    end

    def check_types
      %w[memory cpus].each { |key| whole(key, self[key]) }
      patience = self["patience"]
      raise wrong("patience must be a number of at least 1, not #{patience.inspect}") unless patience.is_a?(Numeric) && patience >= 1

      self["machines"].each do |name, own|
        raise wrong("machines.#{name} must be a table") unless own.is_a?(Hash)

        unknown = own.keys - %w[memory cpus]
        raise wrong("machines.#{name} has no #{unknown.first}", "it may have memory and cpus") unless unknown.empty?

        own.each { |key, value| whole("machines.#{name}.#{key}", value) }
      end
    end

    def whole(key, value)
      least = key.end_with?("memory") ? 512 : 1
      return if value.is_a?(Integer) && value >= least

      raise wrong("#{key} must be a whole number of at least #{least}, not #{value.inspect}")
    end

    def wrong(what, fix = "vagrant/settings.yml says what may stand there")
      Error.new("#{local}: #{what}", fix)
    end
  end
end
