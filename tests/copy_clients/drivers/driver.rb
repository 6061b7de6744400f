# Uses deputy.rb as a program would: `driver.rb CLIENT MODE ARGS...`. The modes are those of ../drivers.rs.
require ARGV.shift
require "timeout"

def urls(*values)
  values.each do |value|
    place = Deputy.parse_url(value)
    puts place.is_a?(Array) ? "tcp #{place.join(" ")}" : "unix #{place}"
  rescue ArgumentError => error
    puts error.message.b.include?(value.b) ? "error" : error.message
  end
end

def recurse(arg)
  recurse(arg) + 1
end

class Mute < Exception
  def message
    raise "no text"
  end
end

def work
  Deputy.work({
    "echo" => ->(arg, _) { arg },
    "nan" => ->(_, _) { Float::NAN },
    "infinity" => ->(_, _) { [Float::INFINITY] },
    "deep" => ->(_, _) { 200.times.reduce([]) { |value, _| [value] } },
    "binary" => ->(_, _) { "\xff" },
    "long" => ->(_, _) { "x" * (17 << 20) },
    "exit" => ->(_, _) { exit },
    "abort" => ->(_, _) { abort },
    "throw" => ->(_, _) { throw :done },
    "recursion" => ->(arg, _) { recurse(arg) },
    "mute" => ->(_, _) { raise Mute },
    "not-implemented" => ->(_, _) { raise NotImplementedError },
    "unreadable-error" => ->(_, _) { raise "caf\xe9 \xff".b * 1000 },
    "fork" => ->(arg, _) { fork { exit } && arg },
    "fork-and-return" => ->(arg, _) { fork; arg },
  })
end

def forked
  client = Deputy::Client.new
  raise unless client.submit("echo", "before").call == "before"
  child = fork do
    exit!(Array.new(100) { |n| client.submit("echo", n) }.map(&:call) == [*0..99])
  end
  raise unless Array.new(100) { |n| client.submit("echo", -n) }.map(&:call) == (0..99).map(&:-@)
  Process.wait(child)
  raise unless $?.success?
  puts client.submit("echo", "end").call
end

def readers
  client = Deputy::Client.new
  given_up = client.submit("odd", 1) # Before the time runs, because on a busy machine it could end in here.
  begin
    Timeout.timeout(0.01) { given_up.call }
  rescue Timeout::Error, Deputy::JobError
    # Either may come first.
  end
  jobs = [client.submit("odd", 2) { raise IOError }, client.submit("odd", 3), client.submit("odd", 4)]
  begin
    jobs.first.call
    abort "its block was not called"
  rescue IOError
    # As it must.
  end
  raise unless 2.times.all? { jobs.first.call == "end" } # A second call finds the result as well.
  puts jobs.last.call
end

def interrupted
  client = Deputy::Client.new
  trap("ALRM") { raise Interrupt }
  begin
    client.submit("big", "x" * (15 << 20))
    abort "it was not interrupted"
  rescue Interrupt
    # As it must.
  end
  puts client.submit("small", 1).call
end

send(*ARGV)
