<?php
// Deputy's client for PHP (8.1 or later) in one file, to copy. The server is $url, or DEPUTY_URL.
//   $client = new DeputyClient; $small = $client->wait($client->submit('resize', ['photo' => 'cat.png'], key: 'cat'));
//   deputyWork(['resize' => fn ($arg, $job) => ...]);   Never returns. One job at a time. What it throws is the err.
const DEPUTY_URL_FORMS = '#^(?:unix:(?://(?=/))?(?<path>/?[^/].*)|(?:tcp://)?(?<host>(?:[A-Za-z_]|[0-9]+[A-Za-z._-])'
    . '[A-Za-z0-9._-]*|\[(?<v6>[0-9A-Fa-f:.]+)(?:%[A-Za-z0-9._-]+)?\])(?::(?<port>[1-9][0-9]{0,4}))?/?)$#Ds';
const DEPUTY_HEAD = '#^{"cmd":"(did|do|progress)",(?:"id":(\d+)[,}])?(?:.*?"job":(\d+)[,}])?#'; // What can be decoded.
class DeputyError extends RuntimeException { // No result. With the code "lost" the job may have been done or not.
    public function __construct(public string $deputyCode, public mixed $err) {
        parent::__construct("$deputyCode: " . json_encode($err));
    }
}

function deputyParseUrl(?string $url): string { // Returns the server's address for PHP's streams.
    $url = trim($url ?? (getenv('DEPUTY_URL') ?: ''), " \t\r\n");
    $known = preg_match(DEPUTY_URL_FORMS, $url === '' ? '127.0.0.1' : $url, $match, PREG_UNMATCHED_AS_NULL)
        && filter_var($match['v6'] ?? '::', FILTER_VALIDATE_IP, FILTER_FLAG_IPV6);
    if ($known && $match['path'] !== null) return "unix://{$match['path']}";
    if ($known && $match['port'] <= 65535) return "tcp://{$match['host']}:" . ($match['port'] ?? 11746);
    throw new InvalidArgumentException("$url names no server: write tcp://HOST:PORT, HOST:PORT or unix:/PATH");
}

class DeputyServer { // A connection to a server that has answered. Once it is lost, what is said on it is dropped.
    public $line = '', $stream, $lineMax = 16 << 20; // What it said last, until that is answered. Null once it is lost.
    public function __construct(string $address, int $attempt) { // Pauses double up to 10 s, and differ.
        usleep($attempt > 1 ? (int) (mt_rand(500_000, 1_000_000) * min(0.05 * 2 ** min($attempt, 9), 10)) : 0);
        $this->stream = @stream_socket_client($address, $n, $error, 5, STREAM_CLIENT_CONNECT, stream_context_create(
            ['socket' => ['tcp_nodelay' => true]])) ?: throw new DeputyError('lost', "no server at $address: $error");
        $socket = function_exists('socket_import_stream') ? socket_import_stream($this->stream) : null; // Mostly there.
        if ($socket) @socket_set_option($socket, SOL_SOCKET, SO_KEEPALIVE, 1);
        if (stream_socket_get_name($this->stream, false) === stream_socket_get_name($this->stream, true)) {
            if ($socket) socket_set_option($socket, SOL_SOCKET, SO_LINGER, ['l_onoff' => 1, 'l_linger' => 0]);
            $this->stream = $socket = null; // The port is free at once.
            throw new DeputyError('lost', "no server listens at $address: TCP connected it to itself");
        }
        if ($socket && defined('TCP_KEEPIDLE')) @socket_set_option($socket, SOL_TCP, TCP_KEEPIDLE, 30);
        stream_set_timeout($this->stream, 10);
        $this->say(['cmd' => 'metrics']); // They have the longest line that the server takes.
        while (!isset($heard->metrics)) $this->lineMax = ($heard = $this->hear())->metrics->max_line ?? $this->lineMax;
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
        if (preg_match(DEPUTY_HEAD, $this->line, $head)) // It fails one job: half a surrogate pair, say.
            return (object) ['cmd' => $head[1], 'id' => (int) ($head[2] ?? 0), 'job' => (int) ($head[3] ?? 0),
                'code' => 'undecodable', 'err' => json_last_error_msg()];
        $this->stream = null;
        throw new DeputyError('lost', 'the connection was lost');
    }

    public function fail(int $job, string $err): void { // An error may have any bytes, and must be said.
        $err = substr($err, 0, min(1000, intdiv($this->lineMax - 64, 12)));
        $this->say(['cmd' => 'did', 'job' => $job, 'err' => $err], JSON_INVALID_UTF8_SUBSTITUTE);
    }
}

class DeputyClient { // Connects when it has to. Submit many jobs, then wait for each, once: that calls them, too.
    private $server = null, $attempt = 0, $lastId = 0, $pid = 0, $address, $waiting = [], $answers = [];
    public function __construct(?string $url = null) { $this->address = deputyParseUrl($url); }

    public function submit(string $type, $arg = null, ?callable $progress = null, ?callable $stored = null, ...$more) {
        if ($this->pid !== getmypid()) $this->lose('it is an answer to the process that was forked');
        if ($this->server && !$this->server->stream) $this->lose('the connection was lost');
        if (!$this->server) [$this->server, $this->attempt] = [new DeputyServer($this->address, ++$this->attempt), 1];
        $this->waiting[$id = ++$this->lastId] = ['progress' => $progress, 'stored' => $stored];
        if ($progress) $more['progress'] = true;
        try {
            $this->server->say(['cmd' => 'do', 'id' => $id, 'type' => $type, 'arg' => $arg] + $more);
        } catch (JsonException | LengthException $e) {
            $this->answers[$id] = (object) ['code' => 'not_sent', 'err' => $e->getMessage()];
        }
        return $id;
    }

    public function cancel(int $id): void { // The job then fails with the code "cancelled", if it is `cancellable`.
        if ($this->pid === getmypid()) $this->server?->say(['cmd' => 'cancel', 'id' => $id]);
    }

    public function wait(int $id): mixed {
        if ($this->pid !== getmypid()) $this->lose('it is an answer to the process that was forked');
        for ($call = null; isset($this->waiting[$id]) && !isset($this->answers[$id]); $call = null) {
            try {
                $heard = $this->server->hear();
                $waits = is_int($heard->id ?? '') && isset($this->waiting[$heard->id]) ? $heard->cmd ?? '' : '';
                if ($waits === 'did') [$this->answers[$heard->id], $this->waiting[$heard->id]] = [$heard, null];
                if (!isset($heard->code) && $waits) $call = $this->waiting[$heard->id][$waits] ?? null;
            } catch (Throwable $error) { // Also what a signal handler throws, because a line may be gone.
                $this->lose('the connection was lost');
                if (!$error instanceof DeputyError) throw $error;
            }
            if ($call) $call($heard->data ?? null); // Here, because nothing is lost by what it throws.
        }
        $answer = $this->answers[$id] ?? throw new OutOfBoundsException("no answer is to come for the id $id");
        unset($this->answers[$id], $this->waiting[$id]);
        return isset($answer->code) ? throw new DeputyError($answer->code, $answer->err ?? null) : $answer->res ?? null;
    }

    private function lose(string $reason): void {
        [$this->server, $this->pid, $lost, $this->waiting] = [null, getmypid(), $this->waiting, []];
        $this->answers += array_map(fn () => (object) ['code' => 'lost', 'err' => $reason], $lost);
    }
}

class DeputyJob { // What a handler gets beside arg.
    public function __construct(private $server, private $job, public $attempt, public $ref, private $over = false) {}

    public function progress(mixed $data = null): void { // Tells the submitter, if it asked. Renews a run limit.
        $this->server->say(['cmd' => 'progress', 'job' => $this->job, 'data' => $data]);
    }

    public function cancelled(): bool { // Whether the server has said so by now. DeputyError if it is gone.
        [$read, $none, $line] = [[$this->server->stream], null, $this->server->line];
        if ($this->server->stream && !@stream_select($read, $none, $none, 0)) return $this->over;
        $heard = $this->server->hear();
        $this->server->line = $line; // The job is still to be answered.
        return $this->over = $this->over || ($heard->cmd ?? '') === 'cancel' && $heard->job === $this->job;
    }
}

function deputyWork(array $on, ?string $url = null, array $more = []): never { // Of `can_do`: spare, ref.
    [$address, $pid, $server] = [deputyParseUrl($url), getmypid(), null];
    register_shutdown_function(function () use ($pid, &$server) { // After exit, and when memory is used up.
        ini_set('memory_limit', '-1');
        if (getmypid() === $pid && preg_match(DEPUTY_HEAD, $server?->line ?? '', $head) && isset($head[3]))
            $server->fail((int) $head[3], 'the worker ended: ' . (error_get_last()['message'] ?? 'exit'));
    });
    for ($attempt = 1; ; $attempt++) {
        try {
            $server = new DeputyServer($address, $attempt);
            $server->say(['cmd' => 'can_do', 'types' => array_map('strval', array_keys($on)), 'max_jobs' => 1] + $more);
            for ($attempt = 1; ; $server->line = '') { // Answers go to the connection that brought the job.
                if ((($do = $server->hear())->cmd ?? '') !== 'do') continue;
                try {
                    if (isset($do->code)) throw new UnexpectedValueException($do->err);
                    $job = new DeputyJob($server, $do->job, $do->attempt ?? 1, $do->ref ?? null);
                    $res = $on[$do->type]($do->arg ?? null, $job);
                    if (getmypid() !== $pid) exit; // A child that the handler forked: the parent answers.
                    $server->say(['cmd' => 'did', 'job' => $do->job, 'res' => $res]);
                } catch (Throwable $error) {
                    getmypid() === $pid ? $server->fail($do->job, $error::class . ": {$error->getMessage()}") : exit(1);
                }
            }
        } catch (DeputyError $error) {
            fwrite(STDERR, "deputy: {$error->getMessage()}\n");
        }
    }
}

if (realpath($argv[0] ?? '') === __FILE__) { // To try it out: the worker sleeps for $arg->seconds, and gives $arg back.
    set_exception_handler(function ($error) { fwrite(STDERR, "{$error->getMessage()}\n"); exit(1); });
    $nap = function (object $arg, DeputyJob $job) {
        if (isset($arg->report)) $job->progress(['attempt' => $job->attempt, 'ref' => $job->ref]);
        for ($end = microtime(true) + $arg->seconds; microtime(true) < $end && !$job->cancelled();) usleep(20_000);
        return $arg;
    };
    [$client, $more] = [new DeputyClient, json_decode(getenv('MEMBERS') ?: '{}', true)];
    if ($argv[1] === 'work') deputyWork([$argv[2] => $nap], null, $more);
    $more['stored'] = fn () => fwrite(STDERR, "stored\n");
    if ($more['progress'] ?? 0) $more['progress'] = fn ($d) => fwrite(STDERR, 'progress: ' . json_encode($d) . "\n");
    $ids = array_map(fn ($arg) => $client->submit($argv[2], json_decode($arg), ...$more), array_slice($argv, 3));
    foreach ($ids as $id) if ($argv[1] === 'cancel') $client->cancel($id);
    foreach ($ids as $id) echo json_encode($client->wait($id)), "\n";
}
