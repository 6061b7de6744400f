# Deputy's client for Ruby (2.7 or later) in one file, to copy. The server is `url`, or DEPUTY_URL.
#   Deputy::Client.new.submit("resize", { photo: "cat.png" }, key: "cat").call   Submit many, then `call` each to wait.
#   Deputy.work({ "resize" => ->(arg, job) { ... } })                            Never returns. Does one job at a time.
%w[json socket].each { |name| require name }

module Deputy
  OPTIONS = { KEEPALIVE: 1, NODELAY: 1, KEEPIDLE: 30, KEEPINTVL: 10, KEEPCNT: 3, USER_TIMEOUT: 60_000 }.freeze
  URL = %r{\A(?:unix:(?://(?=/))?(/?[^/].*)|(?:tcp://)?(?:((?:[A-Za-z_]|[0-9]+[A-Za-z._-])[A-Za-z0-9._-]*)|
    \[(([0-9A-Fa-f]*:[0-9A-Fa-f:.]*)(?:%[A-Za-z0-9._-]+)?)\])(?::([1-9][0-9]{0,4}))?/?)\z}mnx
  HEAD = /\A{"cmd":"(did|do|progress)",(?:"id":(\d+)[,}])?(?:.*?"job":(\d+)[,}])?/n # Comes before what is undecodable.
  class JobError < StandardError # There is no result. With the code "lost" the job may have been done or not.
    attr_reader :code, :err
    def initialize(code, err); super("#{@code = code}: #{@err = err}"); end
  end

  # Returns the path of a UNIX socket, or host and port.
  def self.parse_url(url)
    match = URL.match(url.b.gsub(/\A[ \t\r\n]+|[ \t\r\n]+\z/, "").sub(/\A\z/, "127.0.0.1"))
    match &&= Addrinfo.getaddrinfo(match[4] || "::", 0, nil, nil, nil, Socket::AI_NUMERICHOST) && match rescue nil
    return match[1] || [match[2] || match[3], (match[5] || 11746).to_i] if match && match[5].to_i <= 65_535
    raise ArgumentError, "#{url} names no server: write tcp://HOST:PORT, HOST:PORT or unix:/PATH"
  end

  class Connection # It is ready when the server has answered. SystemCallError, SocketError or IOError if none does.
    attr_reader :socket, :waiting, :line_max, :broken
    def initialize(address, attempt) # Pauses double up to 10 s, and differ between programs that lost a server.
      sleep(rand(0.5..1.0) * [0.05 * 2**[attempt, 9].min, 10].min) if attempt > 1
      @waiting, @line_max = {}, 16 << 20
      @socket = address.is_a?(String) ? UNIXSocket.new(address) : Socket.tcp(*address, connect_timeout: 5)
      if @socket.local_address.to_sockaddr == @socket.remote_address.to_sockaddr
        @socket.setsockopt(:SOCKET, :LINGER, [1, 0].pack("ii")) # The port is free at once.
        raise IOError, "no server listens at this port: TCP connected it to itself"
      end
      OPTIONS.each { |name, value| @socket.setsockopt(name == :KEEPALIVE ? :SOCKET : :TCP, name, value) rescue nil }
      say({ cmd: "metrics" })
      IO.select([@socket], nil, nil, 10) or raise IOError, "the server did not answer within 10 s"
      line = receive until line&.key?("metrics") # They have the longest line that the server takes.
      @line_max = line["metrics"].fetch("max_line", @line_max)
    rescue Exception then @socket&.close; raise
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
      cmd, id, job = HEAD.match(text.b)&.captures || raise(IOError, "the server sent what is not JSON")
      %w[cmd id job code err].zip([cmd, id.to_i, job.to_i, "undecodable", error.message.b[0, 200].inspect]).to_h
    end
  end

  Submitted = Struct.new(:lines, :progress, :server, :id, :stored) do # `stored` may be set to a proc before `call`.
    def call # Waits for the result, also a second time. Until then the block of `submit` gets the data of progress.
      while (line = lines.pop)["cmd"] =~ /progress|stored/ do line["code"] || self[line["cmd"]]&.call(line["data"]) end
      lines << line; line["code"] ? raise(JobError.new(line["code"], line["err"])) : line["res"]
    end
  end

  class Client # Submits jobs, from any number of threads. Connects when it has to, and raises if it cannot.
    def initialize(url = nil); @address, @id, @lock = Deputy.parse_url(url || ENV["DEPUTY_URL"].to_s), 0, Mutex.new; end

    def submit(type, arg = nil, members = {}, &on_progress)
      job, members = Submitted.new(Queue.new, on_progress), on_progress ? { progress: true, **members } : members
      @lock.synchronize do
        @server, @attempt, @pid = @server&.socket&.close, 0, Process.pid if @pid != Process.pid # After a fork.
        @server = nil if @server&.broken
        @server ||= Connection.new(@address, @attempt += 1).tap { |server| Thread.new { read(server) } }
        (job.server = @server).waiting[job.id = @id += 1] = job
        @server.say({ cmd: "do", id: job.id, type: type, arg: arg, **members })
      rescue JSON::JSONError, EncodingError, ArgumentError => error
        job.lines.push({ "code" => "not_sent", "err" => error.message })
      end
      job
    end

    def cancel(job); @lock.synchronize { job.server.say({ cmd: "cancel", id: job.id }) if @pid == Process.pid }; end

    def read(server)
      @attempt = 1
      while (line = server.receive)
        job = %w[did progress stored].include?(line["cmd"]) ? server.waiting[line["id"]] : nil
        server.waiting.delete(line["id"]) if line["cmd"] == "did"
        job&.lines&.push(line)
      end
    rescue StandardError => error
      @lock.synchronize { @server = nil if @server.equal?(server); server.socket.close }
      server.waiting.each_value { |job| job.lines.push({ "code" => "lost", "err" => error.message }) }
    end
  end

  Job = Struct.new(:server, :number, :attempt, :ref, :over) do # What a handler gets beside arg.
    def progress(data = nil); server.say({ cmd: "progress", job: number, data: data }); end # Renews a run limit.

    def cancelled? # Whether the server has said so by now. IOError or SystemCallError if the server is gone.
      line = IO.select([server.socket], nil, nil, 0) ? server.receive : {}
      self.over ||= line["cmd"] == "cancel" && line["job"] == number
    end
  end

  def self.work(handlers, url = nil, members = {}) # Of `can_do`: spare: true, and ref: true for job.ref.
    address, attempt = parse_url(url || ENV.fetch("DEPUTY_URL", "")), 0
    loop do
      server, attempt = Connection.new(address, attempt += 1), 1 # The pauses grow as well while it closes at once.
      server.say({ cmd: "can_do", types: handlers.keys, max_jobs: 1, **members })
      loop { (line = server.receive)["cmd"] == "do" && answer(server, line, handlers) } # Where the job came from.
    rescue SystemCallError, SocketError, IOError => error
      warn "deputy: #{error.message}"
      server&.socket&.close
    end
  end

  def self.answer(server, job, handlers, pid = Process.pid)
    raise ArgumentError, "the arg cannot be decoded: #{job["err"]}" if job["code"]
    res = handlers.fetch(job["type"]).call(job["arg"], Job.new(server, job["job"], job["attempt"] || 1, job["ref"]))
    Process.pid == pid ? server.say({ cmd: "did", job: job["job"], res: res }) : exit
  rescue Exception => error # Also exit and endless recursion.
    raise if error.is_a?(SignalException) || Process.pid != pid # A child that the handler forked.
    text = ("#{error.class}: #{error.message}" rescue error.class.to_s).b.force_encoding(Encoding::UTF_8).scrub
    server.say({ cmd: "did", job: job["job"], err: text[0, [1000, (server.line_max - 64) / 12].min] })
  end
end

if $PROGRAM_NAME == __FILE__
  nap = lambda do |arg, job| # To try it out.
    job.progress({ attempt: job.attempt, ref: job.ref }) if arg["report"]
    arg.tap { (arg["seconds"] / 0.02).ceil.times { job.cancelled? ? break : sleep(0.02) } }
  end
  what, type, *args = ARGV
  client, members = Deputy::Client.new, JSON.parse(ENV.fetch("MEMBERS", "{}"), symbolize_names: true)
  Deputy.work({ type => nap }, nil, members) if what == "work"
  show = members.delete(:progress) && ->(data) { warn "progress: #{JSON.generate(data, max_nesting: 0)}" rescue nil }
  jobs = args.map { |arg| client.submit(type, JSON.parse(arg, max_nesting: 0), members, &show) }
  jobs.each { |job| job.stored = proc { warn "stored" }; client.cancel(job) if what == "cancel" }
  jobs.each { |job| puts JSON.generate(job.call, max_nesting: 0) }
end
