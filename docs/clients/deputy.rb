# Deputy's client for Ruby (2.7 or later) in one file, to copy. The server is `url`, or DEPUTY_URL.
#   Deputy::Client.new.submit("resize", { photo: "cat.png" }).call   Submit many first, then wait for each by `call`.
#   Deputy.work({ "resize" => ->(arg) { ... } })                     Never returns. Does one job at a time.
require "json"
require "socket"

module Deputy
  LINE_MAX = 16 << 20 # The longest line that the server takes by default. What it passes on is a little longer.
  # A server that is gone without a word is found within a minute, whether it is silent or does not acknowledge.
  OPTIONS = { NODELAY: 1, KEEPIDLE: 30, KEEPINTVL: 10, KEEPCNT: 3, USER_TIMEOUT: 60_000 }.freeze
  # There is no result. With the code "lost" the job may have been done or not.
  class JobError < StandardError
    attr_reader :code, :err
    def initialize(code, err)
      super("#{code}: #{err}")
      @code, @err = code, err
    end
  end

  # Pauses double up to 10 s, and programs that lost the same server do not come back as one.
  def self.connect(url, attempt)
    sleep(rand(0.5..1.0) * [0.05 * 2**[attempt, 9].min, 10].min) if attempt > 1
    url ||= ENV.fetch("DEPUTY_URL", "tcp://127.0.0.1:11746")
    return UNIXSocket.new(url.delete_prefix("unix:")) if url.start_with?("unix:")
    host, _, port = url.delete_prefix("tcp://").rpartition(":")
    Socket.tcp(host.delete("[]"), port, connect_timeout: 5).tap do |server|
      server.setsockopt(:SOCKET, :KEEPALIVE, true)
      OPTIONS.each { |name, value| server.setsockopt(:TCP, name, value) if Socket.const_defined?("TCP_#{name}") }
    end
  end

  def self.encode(line)
    text = JSON.generate(line, max_nesting: 0) # Raises for NaN, and for text that is not UTF-8.
    raise ArgumentError, "the line would be longer than the server takes" if text.bytesize > LINE_MAX
    text << "\n"
  end

  # Yields what the server says until the connection is lost. A line that is cut off or too long ends it as well.
  def self.each_line(server)
    while (line = server.gets("\n", LINE_MAX + 1024))&.end_with?("\n")
      yield JSON.parse(line.force_encoding(Encoding::UTF_8), max_nesting: 0)
    end
  rescue SystemCallError, IOError, JSON::ParserError => error
    warn "deputy: #{error.message}"
  ensure
    server.close
  end

  class Client # Submits jobs, from any number of threads. Connects when it has to; SystemCallError if it cannot.
    def initialize(url = nil)
      @url, @attempt, @last_id, @waiting, @lock = url, 0, 0, {}, Mutex.new
    end
    def submit(type, arg = nil)
      answers = Queue.new
      @lock.synchronize do
        line = Deputy.encode({ cmd: "do", id: @last_id += 1, type: type, arg: arg })
        @server ||= Deputy.connect(@url, @attempt += 1).tap { |server| Thread.new { read(server) } }
        @waiting[@last_id] = answers
        @server.write(line) rescue nil # `read` finds it out as well, and fails all that wait.
      end
      -> { (answer = answers.pop)["code"] ? raise(JobError.new(answer["code"], answer["err"])) : answer["res"] }
    end
    def read(server)
      Deputy.each_line(server) do |line|
        @attempt = 1
        @waiting.delete(line["id"])&.push(line) if line["cmd"] == "did"
      end
      lost = @lock.synchronize { @waiting.tap { @server, @waiting = nil, {} } }
      lost.each_value { |answers| answers.push({ "code" => "lost", "err" => "the connection was lost" }) }
    end
  end

  def self.work(handlers, url = nil)
    attempt = 0
    loop do
      server = connect(url, attempt += 1)
      server.write(encode({ cmd: "can_do", types: handlers.keys, max_jobs: 1 }), encode({ cmd: "ping" }))
      each_line(server) do |job|
        attempt = 1 # Not before: what accepts and closes at once is to be tried more and more seldom, too.
        server.write(answer(job, handlers[job["type"]])) if job["cmd"] == "do" # Here, and on no other connection.
      end
    rescue SystemCallError, SocketError => error
      warn "deputy: #{error.message}"
    end
  end

  def self.answer(job, handler)
    encode({ cmd: "did", job: job["job"], res: handler.call(job["arg"]) })
  rescue StandardError, ScriptError => error
    encode({ cmd: "did", job: job["job"], err: "#{error.class}: #{error.message}"[0, 1000].scrub })
  end
end

if $PROGRAM_NAME == __FILE__
  what, type, *args = ARGV
  Deputy.work({ type => ->(arg) { sleep(arg["seconds"]) && arg } }) if what == "work" # To try it out.
  client = Deputy::Client.new
  args.map { |arg| client.submit(type, JSON.parse(arg)) }.each { |job| puts JSON.generate(job.call) }
end
