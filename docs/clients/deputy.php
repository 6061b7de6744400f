<?php
// Deputy's client for PHP (8.1 or later) in one file, to copy. The server is $url, or DEPUTY_URL.
//   $client = new DeputyClient; $id = $client->submit('resize', ['photo' => 'cat.png']); $small = $client->wait($id);
//   deputyWork(['resize' => fn ($arg) => ...]);   Never returns. One job at a time. What it throws is the job's err.
const DEPUTY_URL_FORMS = '#^(?:unix:(?://(?=/))?(?<path>/?[^/].*)|(?:tcp://)?(?<host>(?:[A-Za-z_]|[0-9]+[A-Za-z._-])'
    . '[A-Za-z0-9._-]*|\[[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9._-]+)?\])(?::(?<port>[1-9][0-9]{0,4}))?/?)$#Ds';
// The answer's id, or the job's number. In the server's own lines they come before what may be undecodable.
const DEPUTY_NUMBER = '#^{"cmd":"(?:did","id":([0-9]+)|do",.*?"job":([0-9]+))[,}]#';
class DeputyError extends RuntimeException { // No result. With the code "lost" the job may have been done or not.
    public function __construct(public string $deputyCode, public mixed $err) {
        parent::__construct("$deputyCode: " . json_encode($err));
    }
}

// Returns the server's address for PHP's streams.
function deputyParseUrl(?string $url): string {
    $url = trim($url ?? (getenv('DEPUTY_URL') ?: ''), " \t\r\n");
    $known = preg_match(DEPUTY_URL_FORMS, $url === '' ? '127.0.0.1' : $url, $match, PREG_UNMATCHED_AS_NULL);
    if ($known && $match['path'] !== null) return "unix://{$match['path']}";
    if ($known && $match['port'] <= 65535) return "tcp://{$match['host']}:" . ($match['port'] ?? 11746);
    throw new InvalidArgumentException("$url names no server: write tcp://HOST:PORT, HOST:PORT or unix:/PATH");
}

class DeputyServer { // A connection to a server that has answered. Once it is lost, what is said on it is dropped.
    public string $line = ''; // What it said last, until that is answered.
    public $stream; // Null once it is lost.
    private $lineMax = 16 << 20;
    public function __construct(string $address, int $attempt) { // Pauses double up to 10 s, and differ.
        usleep($attempt > 1 ? (int) (mt_rand(500_000, 1_000_000) * min(0.05 * 2 ** min($attempt, 9), 10)) : 0);
        $context = stream_context_create(['socket' => ['tcp_nodelay' => true]]);
        $this->stream = @stream_socket_client($address, $number, $error, 5, STREAM_CLIENT_CONNECT, $context)
            ?: throw new DeputyError('lost', "no connection to $address: $error");
        $socket = function_exists('socket_import_stream') ? socket_import_stream($this->stream) : null; // Mostly there.
        if ($socket) @socket_set_option($socket, SOL_SOCKET, SO_KEEPALIVE, 1);
        if (stream_socket_get_name($this->stream, false) === stream_socket_get_name($this->stream, true)) {
            // The port is free at once.
            if ($socket) socket_set_option($socket, SOL_SOCKET, SO_LINGER, ['l_onoff' => 1, 'l_linger' => 0]);
            $this->stream = $socket = null;
            throw new DeputyError('lost', "no server listens at $address: TCP connected it to itself");
        }
        if ($socket && defined('TCP_KEEPIDLE')) @socket_set_option($socket, SOL_TCP, TCP_KEEPIDLE, 30);
        stream_set_timeout($this->stream, 10);
        $this->say(['cmd' => 'metrics']); // They have the longest line that the server takes.
        while (!isset(($heard = $this->hear())->metrics));
        $this->lineMax = $heard->metrics->max_line ?? $this->lineMax;
        stream_set_timeout($this->stream, 365 * 86400); // Otherwise fgets gives up after a minute.
    }

    public function say(array $line, int $flags = JSON_THROW_ON_ERROR): void { // Throws what the server cannot read.
        $text = json_encode($line, JSON_PRESERVE_ZERO_FRACTION | $flags, 128) . "\n";
        if (strlen($text) > $this->lineMax + 1) throw new LengthException("longer than $this->lineMax bytes");
        [$stream, $this->stream] = [$this->stream, null]; // Nothing may follow a part of a line.
        if ($stream && @fwrite($stream, $text) === strlen($text)) $this->stream = $stream;
    }

    public function hear(): object { // The next line. One that is cut off or too long ends the connection, too.
        $this->line = $this->stream ? (string) @fgets($this->stream, $this->lineMax + 1024) : '';
        if (!str_ends_with($this->line, "\n")) $this->line = '';
        if (is_object($heard = json_decode($this->line))) return $heard;
        if (preg_match(DEPUTY_NUMBER, $this->line, $n)) // It fails one job: half a surrogate pair, say.
            return (object) ['cmd' => $n[1] ? 'did' : 'do', 'id' => (int) $n[1], 'job' => (int) ($n[2] ?? 0),
                'code' => 'undecodable', 'err' => json_last_error_msg()];
        $this->stream = null;
        throw new DeputyError('lost', 'the connection was lost');
    }

    public function fail(int $job, string $err): void { // An error may have any bytes, and must be said.
        $err = substr($err, 0, min(1000, intdiv($this->lineMax - 64, 12)));
        $this->say(['cmd' => 'did', 'job' => $job, 'err' => $err], JSON_INVALID_UTF8_SUBSTITUTE);
    }
}

class DeputyClient { // Connects when it has to. Submit as many jobs as you like, then wait for each, once.
    private $server = null, $attempt = 0, $lastId = 0, $pid = 0, $address, $answers = []; // Null until they come.
    public function __construct(?string $url = null) { $this->address = deputyParseUrl($url); }

    public function submit(string $type, mixed $arg = null): int {
        if ($this->pid !== getmypid()) $this->lose('it is an answer to the process that was forked');
        if ($this->server && !$this->server->stream) $this->lose('the connection was lost');
        if (!$this->server) [$this->server, $this->attempt] = [new DeputyServer($this->address, ++$this->attempt), 1];
        $this->answers[$id = ++$this->lastId] = null;
        try {
            $this->server->say(['cmd' => 'do', 'id' => $id, 'type' => $type, 'arg' => $arg]);
        } catch (JsonException | LengthException $error) {
            $this->answers[$id] = (object) ['code' => 'not_sent', 'err' => $error->getMessage()];
        }
        return $id;
    }

    public function wait(int $id): mixed {
        if ($this->pid !== getmypid()) $this->lose('it is an answer to the process that was forked');
        while (array_key_exists($id, $this->answers) && !$this->answers[$id]) {
            try {
                $did = $this->server->hear();
                $known = ($did->cmd ?? '') === 'did' && is_int($did->id) && array_key_exists($did->id, $this->answers);
                if ($known) $this->answers[$did->id] = $did;
            } catch (Throwable $error) { // Also what a signal handler throws, because a line may be gone.
                $this->lose('the connection was lost');
                if (!$error instanceof DeputyError) throw $error;
            }
        }
        $answer = $this->answers[$id] ?? throw new OutOfBoundsException("no answer is to come for the id $id");
        unset($this->answers[$id]);
        return isset($answer->code) ? throw new DeputyError($answer->code, $answer->err ?? null) : $answer->res ?? null;
    }

    private function lose(string $reason): void {
        [$this->server, $this->pid] = [null, getmypid()];
        foreach ($this->answers as &$answer) $answer ??= (object) ['code' => 'lost', 'err' => $reason];
    }
}

function deputyWork(array $handlers, ?string $url = null): never {
    [$address, $pid, $server] = [deputyParseUrl($url), getmypid(), null];
    register_shutdown_function(function () use ($pid, &$server) { // After exit, and when memory is used up.
        ini_set('memory_limit', '-1');
        if (getmypid() === $pid && preg_match(DEPUTY_NUMBER, $server?->line ?? '', $match) && isset($match[2]))
            $server->fail((int) $match[2], 'the worker ended: ' . (error_get_last()['message'] ?? 'exit'));
    });
    for ($attempt = 1; ; $attempt++) {
        try {
            $server = new DeputyServer($address, $attempt);
            $server->say(['cmd' => 'can_do', 'types' => array_map('strval', array_keys($handlers)), 'max_jobs' => 1]);
            for ($attempt = 1; ; $server->line = '') { // Answers go to the connection that brought the job.
                if ((($job = $server->hear())->cmd ?? '') !== 'do') continue;
                try {
                    if (isset($job->code)) throw new UnexpectedValueException($job->err);
                    $res = $handlers[$job->type]($job->arg ?? null);
                    if (getmypid() !== $pid) exit; // A child that the handler forked: the parent answers.
                    $server->say(['cmd' => 'did', 'job' => $job->job, 'res' => $res]);
                } catch (Throwable $error) {
                    if (getmypid() !== $pid) exit(1);
                    $server->fail($job->job, get_class($error) . ": {$error->getMessage()}");
                }
            }
        } catch (DeputyError $error) {
            fwrite(STDERR, "deputy: {$error->getMessage()}\n");
        }
    }
}

if (realpath($argv[0] ?? '') === __FILE__) { // To try it out: the worker sleeps for $arg->seconds, and gives $arg back.
    set_exception_handler(function ($error) { fwrite(STDERR, "{$error->getMessage()}\n"); exit(1); });
    if ($argv[1] === 'work') deputyWork([$argv[2] => fn (object $arg) => usleep((int) ($arg->seconds * 1e6)) ?? $arg]);
    $client = new DeputyClient;
    $ids = array_map(fn ($arg) => $client->submit($argv[2], json_decode($arg)), array_slice($argv, 3));
    foreach ($ids as $id) echo json_encode($client->wait($id)), "\n";
}
