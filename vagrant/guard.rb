require_relative "error"

module Chatlab
  # Shows an error once. Where machines come up at the same time, Vagrant repeats it
  # for each machine it stops, and prints a library's error with a Ruby stack.
  module Guard
    LOCK = Mutex.new
    SHOWN = []

    module_function

    # Runs a part of the lab for a machine; doing names that part.
    def watch(machine, doing)
      yield
    rescue StandardError => e
      stop(machine, Error.of(e, doing))
    end

    # Vagrant shows the error of a call for one machine as it is. A thread of
    # several ends as Vagrant's own triggers end one, with the exit status in it.
    def stop(machine, error)
      raise error unless Thread.current[:batch_parallel_action]

      LOCK.synchronize do
        machine.env.ui.error(error.message, prefix: false) unless SHOWN.include?(error.message)
        SHOWN << error.message
      end
      Thread.current[:exit_code] = error.status_code
      Thread.exit
    end
  end
end
