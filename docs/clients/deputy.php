<?php
// Deputy's client for PHP (8.1 or later) in one file, to copy. The server is $url, or DEPUTY_URL.
//   $client = new DeputyClient; $id = $client->submit('resize', ['photo' => 'cat.png']); $small = $client->wait($id);
//   deputyWork(['resize' => fn ($arg) => ...]);   Never returns. One job at a time. What it throws is the job's err.
declare(strict_types=1);
const DEPUTY_LINE_MAX = 16 << 20; // The longest line that a server takes by default; what it passes on is a bit longer.
class DeputyError extends RuntimeException { // No result. With the code "lost" the job may have been done or not.
    public function __construct(public string $deputyCode, public mixed $err) {
        parent::__construct("$deputyCode: " . json_encode($err));
    }
}

class DeputyServer { // A connection. Once it is lost it stays so, and what is said on it is dropped.
    private $stream;
    public function __construct(?string $url, int $attempt) { // Pauses double up to 10 s, and are not the same for all.
        usleep($attempt > 1 ? (int) (mt_rand(500_000, 1_000_000) * min(0.05 * 2 ** min($attempt, 9), 10)) : 0);
        $url = preg_replace('#^unix:#', 'unix://', $url ?? (getenv('DEPUTY_URL') ?: 'tcp://127.0.0.1:11746'));
        $context = stream_context_create(['socket' => ['tcp_nodelay' => true]]);
        $this->stream = @stream_socket_client($url, $number, $error, 5, STREAM_CLIENT_CONNECT, $context)
            ?: throw new DeputyError('lost', "no connection to $url: $error");
        stream_set_timeout($this->stream, 365 * 86400); // Otherwise fgets gives up after a minute.
        if (function_exists('socket_import_stream') && str_starts_with($url, 'tcp:')) { // An extension, mostly there.
            $socket = socket_import_stream($this->stream);
            socket_set_option($socket, SOL_SOCKET, SO_KEEPALIVE, 1);
            if (defined('TCP_KEEPIDLE')) socket_set_option($socket, SOL_TCP, TCP_KEEPIDLE, 30);
        }
    }

    public function say(array $line, int $flags = JSON_THROW_ON_ERROR): void {
        $text = json_encode($line, JSON_PRESERVE_ZERO_FRACTION | $flags) . "\n";
        if (strlen($text) > DEPUTY_LINE_MAX) throw new LengthException('the line is longer than the server takes');
        @fwrite($this->stream, $text); // If that fails, `hear` does so as well.
    }

    public function hear(): object { // The next line. One that is cut off or too long ends the connection, too.
        $line = (string) @fgets($this->stream, DEPUTY_LINE_MAX + 1024);
        $heard = json_decode(str_ends_with($line, "\n") ? $line : '');
        return $heard ?? throw new DeputyError('lost', 'the connection was lost');
    }
}

class DeputyClient { // Connects when it has to. Submit as many jobs as you like, then wait for each, once.
    private ?DeputyServer $server = null;
    private int $attempt = 0, $lastId = 0, $lostId = 0; // Up to $lostId the connection was lost.
    private array $answers = [];
    public function __construct(private ?string $url = null) {}

    public function submit(string $type, mixed $arg = null): int {
        $this->server ??= new DeputyServer($this->url, ++$this->attempt);
        $this->server->say(['cmd' => 'do', 'id' => ++$this->lastId, 'type' => $type, 'arg' => $arg]);
        return $this->lastId;
    }

    public function wait(int $id): mixed {
        while (!isset($this->answers[$id]) && $id > $this->lostId) {
            try {
                $line = $this->server->hear();
                $this->attempt = 1;
                if (($line->cmd ?? '') === 'did') $this->answers[$line->id] = $line;
            } catch (DeputyError) {
                [$this->server, $this->lostId] = [null, $this->lastId];
            }
        }
        $answer = $this->answers[$id] ?? throw new DeputyError('lost', 'the connection was lost before it came');
        unset($this->answers[$id]);
        return isset($answer->code) ? throw new DeputyError($answer->code, $answer->err ?? null) : $answer->res ?? null;
    }
}

function deputyWork(array $handlers, ?string $url = null): never {
    $lenient = JSON_INVALID_UTF8_SUBSTITUTE; // An error may say anything, and must be said nevertheless.
    for ($attempt = 1; ; $attempt++) {
        try {
            $server = new DeputyServer($url, $attempt);
            $server->say(['cmd' => 'can_do', 'types' => array_keys($handlers), 'max_jobs' => 1]);
            $server->say(['cmd' => 'ping']);
            for (; ; $attempt = 1) { // Not before: what accepts and closes at once is to be tried more and more seldom.
                if ((($job = $server->hear())->cmd ?? '') !== 'do') continue;
                try { // The answer goes to the connection that brought the job, even if that is lost by then.
                    $res = $handlers[$job->type]($job->arg ?? null);
                    $server->say(['cmd' => 'did', 'job' => $job->job, 'res' => $res]);
                } catch (Throwable $error) {
                    $server->say(['cmd' => 'did', 'job' => $job->job, 'err' => $error->getMessage()], $lenient);
                }
            }
        } catch (DeputyError $error) {
            fwrite(STDERR, "deputy: {$error->getMessage()}\n");
        }
    }
}

if (realpath($argv[0] ?? '') === __FILE__) { // To try it out: the worker sleeps for $arg->seconds, and gives $arg back.
    set_exception_handler(function ($error) { fwrite(STDERR, "{$error->getMessage()}\n"); exit(1); });
    [, $what, $type] = $argv;
    if ($what === 'work') deputyWork([$type => fn (object $arg) => usleep((int) ($arg->seconds * 1e6)) ?? $arg]);
    $client = new DeputyClient;
    $ids = array_map(fn ($arg) => $client->submit($type, json_decode($arg)), array_slice($argv, 3));
    foreach ($ids as $id) echo json_encode($client->wait($id)), "\n";
}
