module Chatlab
  # One machine of the inventory.
  class Machine
    attr_reader :name, :addresses

    def initialize(lab, name, addresses, last:)
      @lab = lab
      @name = name
      @addresses = addresses
      @last = last
    end

    # The playbook runs when the last one is up.
    def last?
      @last
    end

    def memory
      own("memory")
    end

    # The provider's settings, and what the lab gives the machine.
    def settings(provider)
      named = @lab.settings.tables["providers"][provider.to_s].transform_values { |value| fill(value) }
      named.merge("memory" => memory, "cpus" => own("cpus"))
    end

    # Options of the machine's interface in each network.
    def networks(provider)
      @lab.settings.tables["networks"].map do |network, table|
        address = @addresses[table["address"]]
        raise Error.new("#{name} has no #{table["address"]} in the inventory", "give it one, for the network #{network}") unless address

        options = (table[provider.to_s] || {}).to_h { |key, value| [key.to_sym, fill(value)] }
        options[:hostname] = true if table["hostname"]
        {ip: address, **options}
      end
    end

    private

    def own(key)
      @lab.settings["machines"].dig(name, key) || @lab.settings[key]
    end

    def fill(value)
      value.is_a?(String) ? format(value, lab: @lab.name, machine: name) : value
    end
  end
end
