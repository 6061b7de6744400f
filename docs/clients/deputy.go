// Deputy's client for Go (1.18 or later) in one file, to copy. Each Do and each Work has a connection of its own.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"regexp"
	"strings"
	sys "syscall" // On Windows SetsockoptLinger takes a sys.Handle.
	"time"
	"unicode/utf8"
)

var urlForms = regexp.MustCompile(`(?s)^[ \t\r\n]*(?:unix:(?:(?://)?(/[^/].*?)|([^/].*?))|` +
	`(?:tcp://)?((?:[A-Za-z_]|[0-9]+[A-Za-z._-])[A-Za-z0-9._-]*|` +
	`\[[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:%[A-Za-z0-9._-]+)?\])(?::([1-9][0-9]{0,4}))?/?)?[ \t\r\n]*$`)
var levels = [256]int{'[': 1, '{': 1, ']': -1, '}': -1}

// Line is what the server says: a job, or its answer, which has a Code if there is no result.
type Line struct {
	Cmd, Code              string
	ID, Job, Arg, Res, Err json.RawMessage
	Metrics                struct{ Max_line int } // The longest line that the server takes.
}

// must panics with an error; talk and answer recover it.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// parseURL returns what net.Dial takes.
func parseURL(url string) (network, address string) {
	part := urlForms.FindStringSubmatch(url)
	if part == nil || len(part[4]) == 5 && part[4] > "65535" {
		panic(fmt.Errorf("%s names no server: write tcp://HOST:PORT, HOST:PORT or unix:/PATH", url))
	} else if path := part[1] + part[2]; path != "" {
		return "unix", path
	}
	return "tcp", strings.Fields(part[3] + " 127.0.0.1")[0] + ":" + strings.Fields(part[4] + " 11746")[0]
}

// encode returns a line with these members and values, or why the server could not read it.
func encode(lineMax int, line map[string]any) ([]byte, error) {
	text, err := json.Marshal(line)
	level, quoted := 0, false
	for i := 0; i < len(text) && level <= 128; i++ {
		if text[i] == '\\' {
			i++
		} else if text[i] == '"' {
			quoted = !quoted
		} else if !quoted {
			level += levels[text[i]]
		}
	}
	if err == nil && (level > 128 || len(text) > lineMax || !utf8.Valid(text)) {
		err = fmt.Errorf("it is longer than %d bytes, nests deeper than 128 levels, or is not UTF-8", lineMax)
	}
	return append(text, '\n'), err
}

// talk connects, and passes what the server says to hear until that has enough. The first line are the metrics.
func talk(url string, hear func(conn net.Conn, line Line, lineMax int) (more bool)) (err error) {
	defer func() { err, _ = recover().(error) }()
	network, address := parseURL(url)
	set := func(fd uintptr) { sys.SetsockoptLinger(int(fd), sys.SOL_SOCKET, sys.SO_LINGER, &sys.Linger{Onoff: 1}) }
	d := net.Dialer{Timeout: 5 * time.Second, Control: func(_, _ string, c sys.RawConn) error { return c.Control(set) }}
	conn := must(d.Dial(network, address)) // Go sets TCP_NODELAY and keepalive by itself.
	defer conn.Close()
	if network == "tcp" && conn.LocalAddr().String() == conn.RemoteAddr().String() {
		return fmt.Errorf("no server listens at %s: TCP connected it to itself", address)
	} else if network == "tcp" {
		conn.(*net.TCPConn).SetLinger(-1) // It was to free a port that TCP connects to itself, which Go's library closes.
	}
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	must(conn.Write([]byte("{\"cmd\":\"metrics\"}\n")))
	limited, lineMax := &io.LimitedReader{R: conn}, 16<<20
	for lines, more := json.NewDecoder(limited), true; more; {
		line := Line{Metrics: struct{ Max_line int }{lineMax}} // If this server does not say it.
		limited.N = int64(lineMax) + 1024                      // The server adds a little to the lines that it passes on.
		must(0, lines.Decode(&line))
		conn.SetDeadline(time.Time{})
		lineMax, more = line.Metrics.Max_line, hear(conn, line, line.Metrics.Max_line)
	}
	return nil
}

// Do submits a job for each arg, a JSON text, and returns their answers. With the Code "lost" it may be done or not.
func Do(url, jobType string, args ...string) []Line {
	answers, waiting := make([]Line, len(args)), map[string]int{}
	fail := func(i int, code string, err error) {
		answers[i] = Line{Code: code, Err: json.RawMessage(fmt.Sprintf("%q", fmt.Sprint(err)))}
		delete(waiting, fmt.Sprint(i))
	}
	for i := range args {
		waiting[fmt.Sprint(i)] = i
	}
	err := talk(url, func(conn net.Conn, line Line, lineMax int) bool {
		for i := 0; line.Cmd == "metrics" && i < len(args); i++ {
			job := map[string]any{"cmd": "do", "id": i, "type": jobType, "arg": json.RawMessage(args[i])}
			if text, err := encode(lineMax, job); err != nil {
				fail(i, "not_sent", err)
			} else {
				must(conn.Write(text))
			}
		}
		if i, waits := waiting[string(line.ID)]; waits && line.Cmd == "did" {
			answers[i] = line
			delete(waiting, string(line.ID))
		}
		return len(waiting) > 0
	})
	for _, i := range waiting {
		fail(i, "lost", err)
	}
	return answers
}

// Work does one job after the other for ever: start as many as are to run at once. What do fails with is the job's err.
func Work(url, jobType string, do func(arg json.RawMessage) (any, error)) {
	parseURL(url) // A wrong one ends the program.
	for failures := 0; ; failures++ {
		log.Println("deputy:", talk(url, func(conn net.Conn, line Line, lineMax int) bool {
			failures = 0
			if line.Cmd == "metrics" {
				must(conn.Write(must(encode(lineMax, map[string]any{"cmd": "can_do", "types": []string{jobType}, "max_jobs": 1}))))
			} else if line.Cmd == "do" {
				must(conn.Write(answer(line.Job, line.Arg, lineMax, do)))
			}
			return true
		}))
		// The pause doubles up to 10 s, then begins anew. It differs between programs that lost the same server.
		time.Sleep(time.Duration(50+time.Now().UnixNano()/1000%50) * time.Millisecond << (failures % 8))
	}
}

func answer(job, arg json.RawMessage, lineMax int, do func(arg json.RawMessage) (any, error)) (text []byte) {
	done := make(chan any)
	go func() { // Which a panic or runtime.Goexit in do may end.
		defer func() { done <- recover() }()
		text = must(encode(lineMax, map[string]any{"cmd": "did", "job": job, "res": must(do(arg))}))
	}()
	if failure := <-done; text == nil {
		if failure == nil {
			failure = "the function ended its goroutine"
		}
		err := fmt.Sprintf("%.*s", (lineMax-64)/12, fmt.Sprint(failure))
		text = must(encode(lineMax, map[string]any{"cmd": "did", "job": job, "err": err}))
	}
	return text
}

func main() {
	url, jobType := os.Getenv("DEPUTY_URL"), os.Args[2]
	if os.Args[1] == "work" { // To try it out: sleeps for arg.seconds, and gives arg back.
		Work(url, jobType, func(arg json.RawMessage) (any, error) {
			nap := struct{ Seconds float64 }{}
			err := json.Unmarshal(arg, &nap)
			time.Sleep(time.Duration(nap.Seconds * 1e9))
			return arg, err
		})
	}
	for _, answer := range Do(url, jobType, os.Args[3:]...) {
		if answer.Code != "" {
			log.Fatalf("%s: %s", answer.Code, answer.Err)
		}
		json.NewEncoder(os.Stdout).Encode(answer.Res)
	}
}
