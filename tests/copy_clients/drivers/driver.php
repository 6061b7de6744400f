<?php
// Uses deputy.php as a program would: `driver.php CLIENT MODE ARGS...`. The modes are those of ../drivers.rs.
[, $client, $mode] = $argv;
require $client;

function nest(int $levels): array { return $levels ? [nest($levels - 1)] : []; }

function recurse(mixed $arg): mixed { return recurse($arg) . 'x'; }

function urls(string ...$values): void {
    foreach ($values as $value) {
        try {
            [$scheme, $place] = explode('://', deputyParseUrl($value), 2);
            $at = strrpos($place, ':');
            $host = trim(substr($place, 0, $at ?: 0), '[]');
            echo $scheme === 'unix' ? "unix $place\n" : "tcp $host " . substr($place, $at + 1) . "\n";
        } catch (InvalidArgumentException $error) {
            echo str_contains($error->getMessage(), trim($value)) ? 'error' : $error->getMessage(), "\n";
        }
    }
}

function work(): void {
    ini_set('memory_limit', '128M'); // PHP's own default.
    deputyWork([
        'echo' => fn ($arg) => $arg,
        'nan' => fn () => NAN,
        'infinity' => fn () => [INF],
        'deep' => fn () => nest(200),
        'binary' => fn () => "\xff",
        'long' => fn () => str_repeat('x', 17 << 20),
        'type' => fn (int $arg) => $arg,
        'unreadable-error' => fn () => throw new Exception(str_repeat("\xff", 2000)),
        '404' => fn ($arg) => $arg,
        'exit' => fn () => exit,
        'recursion' => recurse(...),
        'memory' => fn () => str_repeat('x', 1 << 40),
        'fork' => function ($arg) {
            if (pcntl_fork() === 0) throw new Exception('a child of the handler');
            usleep(100_000); // So that an answer of the child would come first.
            return $arg;
        },
        'fork-and-return' => function ($arg) {
            pcntl_fork();
            return $arg;
        },
    ]);
}

function forked(): void {
    $client = new DeputyClient;
    if ($client->wait($client->submit('echo', 'before')) !== 'before') exit(1);
    $early = $client->submit('echo', 'the parent\'s');
    $child = pcntl_fork();
    $ids = array_map(fn ($n) => $client->submit('echo', $child ? $n : -$n), range(1, 100));
    $expected = array_map(fn ($n) => $child ? $n : -$n, range(1, 100));
    if (array_map(fn ($id) => $client->wait($id), $ids) !== $expected) exit(1);
    if (!$child) {
        try {
            $client->wait($early);
        } catch (DeputyError $error) {
            exit($error->deputyCode === 'lost' ? 0 : 1);
        }
        exit(1);
    }
    pcntl_waitpid($child, $status);
    if ($status !== 0 || $client->wait($early) !== 'the parent\'s') exit(1);
    echo $client->wait($client->submit('echo', 'end')), "\n";
}

function readers(): void {
    $client = new DeputyClient;
    $ids = array_map(fn ($n) => $client->submit('odd', $n, fn () => throw new RuntimeException('no')), range(1, 4));
    for ($thrown = 0; $thrown < 4;) {
        try {
            $client->wait($ids[3]);
            exit(1);
        } catch (RuntimeException $error) {
            if ($error->getMessage() !== 'no') throw $error;
            $thrown++;
        }
    }
    if ($client->wait($ids[1]) !== 'end') exit(1);
    echo $client->wait($ids[3]), "\n";
}

function interrupted(): void {
    pcntl_async_signals(true);
    pcntl_signal(SIGALRM, fn () => throw new Exception('time is up'), false);
    $client = new DeputyClient;
    try {
        $client->submit('big', str_repeat('x', 15 << 20));
        exit(1);
    } catch (Exception $error) {
        if ($error->getMessage() !== 'time is up') throw $error;
    }
    echo $client->wait($client->submit('small', 1)), "\n";
}

$mode(...array_slice($argv, 3));
