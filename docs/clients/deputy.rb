# Deputy's client for Ruby (2.7 or later) in one file, to copy. The server is `url`, or DEPUTY_URL.
#   Deputy::Client.new.submit("resize", { photo: "cat.png" }).call   Submit many first, then wait for each by `call`.
#   Deputy.work({ "resize" => ->(arg) { ... } })                     Never returns. Does one job at a time.
require "json"
require "socket"

module Deputy
  # With these options a connection ends within a minute when its server is gone without a word.
  OPTIONS = { NODELAY: 1, KEEPIDLE: 30, KEEPINTVL: 10, KEEPCNT: 3, USER_TIMEOUT: 60_000 }.freeze
  URL = %r{\A(?:unix:(?://(?=/))?(/?[^/].*)|(?:tcp://)?(?:((?:[A-Za-z_]|[0-9]+[A-Za-z._-])[A-Za-z0-9._-]*)|
    \[([0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9._-]+)?)\])(?::([1-9][0-9]{0,4}))?/?)\z}mnx
  # The answer's id, or the job's number. In the server's own lines they come before what may be undecodable.
  NUMBER = /\A{"cmd":"(?:did","id":([0-9]+)|do",.*?"job":([0-9]+))[,}]/n
  class JobError < StandardError # There is no result. With the code "lost" the job may have been done or not.
    attr_reader :code, :err
    def initialize(code, err)
      super("#{code}: #{err}")
      @code, @err = code, err
    end
  end

  # Returns the path of a UNIX socket, or host and port.
  def self.parse_url(url)
    text = url.b.gsub(/\A[ \t\r\n]+|[ \t\r\n]+\z/, "")
    match = URL.match(text.empty? ? "127.0.0.1" : text)
    return match[1] || [match[2] || match[3], (match[4] || 11746).to_i] if match && match[4].to_i <= 65_535
    raise ArgumentError, "#{url} names no server: write tcp://HOST:PORT, HOST:PORT or unix:/PATH"
  end

  class Connection # It is ready when the server has answered. SystemCallError, SocketError or IOError if none does.
    attr_reader :socket, :waiting, :line_max, :broken
    def initialize(address, attempt) # Pauses double up to 10 s, and differ between programs that lost a server.
      sleep(rand(0.5..1.0) * [0.05 * 2**[attempt, 9].min, 10].min) if attempt > 1
      @waiting, @line_max = {}, 16 << 20
      @socket = address.is_a?(String) ? UNIXSocket.new(address) : Socket.tcp(*address, connect_timeout: 5)
      if address.is_a?(Array)
        if @socket.local_address.to_sockaddr == @socket.remote_address.to_sockaddr
          @socket.setsockopt(:SOCKET, :LINGER, [1, 0].pack("ii")) # The port is free at once.
          raise IOError, "no server listens at this port: TCP connected it to itself"
        end
        OPTIONS.each { |name, value| @socket.setsockopt(:TCP, name, value) if Socket.const_defined?("TCP_#{name}") }
        @socket.setsockopt(:SOCKET, :KEEPALIVE, true)
      end
      say({ cmd: "metrics" })
      IO.select([@socket], nil, nil, 10) or raise IOError, "the server did not answer within 10 s"
      line = receive until line&.key?("metrics") # They have the longest line that the server takes.
      @line_max = line["metrics"].fetch("max_line", @line_max)
    rescue Exception
      @socket&.close
      raise
    end

    def say(line) # Raises if the server could not read it: NaN, text that is not UTF-8, too deep or too long.
      text = JSON.generate(line, max_nesting: 128)
      raise ArgumentError, "the line is longer than #{@line_max} bytes" if text.bytesize > @line_max
      sent = false
      sent = @socket.write(text << "\n")
    rescue SystemCallError, IOError # `receive` notices these as well.
    ensure
      @broken = sent == false and @socket.shutdown rescue nil # Nothing may follow a part of a line.
    end

    def receive # The next line. EOFError at the connection's end; half a line and one without an end are an end, too.
      text = @socket.gets("\n", @line_max + 1024)
      raise EOFError, "the server closed the connection" unless text&.end_with?("\n")
      JSON.parse(text.force_encoding(Encoding::UTF_8), max_nesting: 0)
    rescue JSON::JSONError, EncodingError, ArgumentError => error # It fails one job: half a surrogate pair, say.
      id, job = NUMBER.match(text.b)&.captures || raise(IOError, "the server sent what is not JSON")
      err = error.message.b[0, 200].force_encoding(Encoding::UTF_8).scrub
      { "cmd" => id ? "did" : "do", "id" => id.to_i, "job" => job.to_i, "code" => "undecodable", "err" => err }
    end
  end

  class Client # Submits jobs, from any number of threads. Connects when it has to, and raises if it cannot.
    def initialize(url = nil)
      @address, @last_id, @lock = Deputy.parse_url(url || ENV.fetch("DEPUTY_URL", "")), 0, Mutex.new
    end

    def submit(type, arg = nil)
      answers = Queue.new
      @lock.synchronize do
        if @pid != Process.pid # After a fork the connection and its answers are the parent's.
          @server&.socket&.close
          @server, @attempt, @pid = nil, 0, Process.pid
        end
        @server = nil if @server&.broken
        @server ||= Connection.new(@address, @attempt += 1).tap { |server| Thread.new { read(server) } }
        @server.waiting[@last_id += 1] = answers
        @server.say({ cmd: "do", id: @last_id, type: type, arg: arg })
      rescue JSON::JSONError, EncodingError, ArgumentError => error
        answers.push(error)
      end
      -> { (answer = answers.pop).is_a?(Exception) ? raise(answer) : answer }
    end

    def read(server)
      @attempt = 1
      while (line = server.receive)
        answers = line["cmd"] == "did" && server.waiting.delete(line["id"]) or next
        answers.push(line.key?("code") ? JobError.new(line["code"], line["err"]) : line["res"])
      end
    rescue StandardError => error
      @lock.synchronize { @server = nil if @server.equal?(server) }
      server.socket.close
      server.waiting.each_value { |answers| answers.push(JobError.new("lost", error.message)) }
    end
  end

  def self.work(handlers, url = nil)
    address, attempt = parse_url(url || ENV.fetch("DEPUTY_URL", "")), 0
    loop do
      server = Connection.new(address, attempt += 1)
      attempt = 1 # Not before: the pauses grow as well while a server accepts and closes at once.
      server.say({ cmd: "can_do", types: handlers.keys, max_jobs: 1 })
      while (line = server.receive) # The answer goes to the connection that brought the job.
        answer(server, line, handlers) if line["cmd"] == "do"
      end
    rescue SystemCallError, SocketError, IOError => error
      warn "deputy: #{error.message}"
      server&.socket&.close
    end
  end

  def self.answer(server, job, handlers, pid = Process.pid)
    raise ArgumentError, "the arg cannot be decoded: #{job["err"]}" if job["code"]
    res = handlers.fetch(job["type"]).call(job["arg"])
    Process.pid == pid ? server.say({ cmd: "did", job: job["job"], res: res }) : exit
  rescue Exception => error # Also exit and endless recursion.
    raise if error.is_a?(SignalException) || Process.pid != pid # A child that the handler forked.
    text = "#{error.class}: #{error.message}" rescue error.class.to_s
    text = text.b.force_encoding(Encoding::UTF_8).scrub[0, [1000, (server.line_max - 64) / 12].min]
    server.say({ cmd: "did", job: job["job"], err: text })
  end
end

if $PROGRAM_NAME == __FILE__
  what, type, *args = ARGV
  Deputy.work({ type => ->(arg) { sleep(arg["seconds"]) && arg } }) if what == "work" # To try it out.
  client = Deputy::Client.new
  args.map { |arg| client.submit(type, JSON.parse(arg, max_nesting: 0)) }.each { |job| puts JSON.generate(job.call) }
end
