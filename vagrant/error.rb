module Chatlab
  # What stops the lab, in one line, and the line that mends it.
  class Error < Vagrant::Errors::VagrantError
    def initialize(what, fix)
      @text = "chatlab: error: #{what}\nchatlab: hint: #{fix}"
      super()
    end

    # Any error as one of the lab's own; doing names the part that failed.
    def self.of(error, doing)
      return error if error.is_a?(Error)

      Log4r::Logger.new("vagrant::chatlab").error([line(error), *error.backtrace].join("\n"))
      new("#{doing}: #{line(error)}", "VAGRANT_LOG=error in the environment shows where")
    end

    # Another's error in one line. Vagrant gives advice before the cause.
    def self.line(error)
      line = error.message.split.join(" ")
      return line[/.*Error: (.+)/, 1] || line if error.is_a?(Vagrant::Errors::VagrantError)

      "#{line} (#{error.class})"
    end

    def error_message
      @text
    end
  end
end
