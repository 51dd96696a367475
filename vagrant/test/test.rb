# All tests of the Ruby here: ruby vagrant/test/test.rb. UPDATE=1 writes the golden
# files anew; they hold what was seen, so read the difference.
Dir.glob(File.join(__dir__, "*_test.rb")).sort.each { |file| require file }
