require_relative "guard"

module Chatlab
  # What a step of the Vagrantfile is given.
  class StepConfig < Vagrant.plugin("2", :config)
    attr_accessor :lab
  end

  # A step of the last machine. A subclass has run, and FAILED for the part that an
  # error of another's came from.
  class Step < Vagrant.plugin("2", :provisioner)
    def provision
      @lab = config.lab
      Guard.watch(@machine, self.class::FAILED) { run }
    end
  end
end
