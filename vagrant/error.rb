module Chatlab
  # What stops the lab, in one line, and the line that mends it.
  class Error < Vagrant::Errors::VagrantError
    def initialize(what, fix)
      @text = "chatlab: error: #{what}\nchatlab: hint: #{fix}"
      super()
    end

    def error_message
      @text
    end
  end
end
