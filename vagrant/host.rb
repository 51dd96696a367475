module Chatlab
  # Programs of the host.
  module Host
    module_function

    # Runs one in the project's folder with its output shown; tells whether it went well.
    # It learns the provider of this call, which --provider may have named.
    def run(machine, lab, *argv)
      result = Vagrant::Util::Subprocess.execute(*argv, workdir: lab.root, notify: [:stdout, :stderr],
                                                 env: { "VAGRANT_DEFAULT_PROVIDER" => machine.provider_name.to_s }) do |_, text|
        machine.env.ui.detail(text, new_line: false, prefix: false)
      end
      result.exit_code.zero?
    end
  end
end
