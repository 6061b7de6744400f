// Deputy's client for Go (1.18 or later) in one file, to copy. Each Do and each Work has a connection of its own.
package main

import (
	"context"
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
)

var urlForms = regexp.MustCompile(`(?s)^[ \t\r\n]*(?:unix:(?:(?://)?(/[^/].*?)|([^/].*?))|(?:tcp://)?((?:[A-Za-z_]|` +
	`\d+[A-Za-z._-])[\w.-]*|\[((?:\w{0,4}:)+\w{0,4}(?:\.\d+)*)(?:%[\w.-]+)?\])(?::([1-9]\d{0,4}))?/?)?[ \t\r\n]*$`)
var noBracket, pairs = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|[^]["{}]+`), strings.NewReplacer("[]", "", "{}", "")

// Line is what the server says: a job, or an answer. It has a Code if there is no result: after "lost" it may be done.
type Line struct {
	Cmd, Code                         string
	ID, Job, Arg, Res, Err, Data, Ref json.RawMessage // Ref is for Work with "ref": true: the same in each attempt.
	Attempt                           int
	Metrics                           *struct{ Max_line int64 } // The longest line that the server takes.
	Context                           context.Context           `json:"-"` // A job's ends when no client waits for it.
	conn                              net.Conn
}

func must[T any](value T, err error) T { // Panics with an error. talk and answer recover it.
	if err != nil {
		panic(err)
	}
	return value
}

func parseURL(url string) (network, address string) { // Returns what net.Dial takes.
	part := urlForms.FindStringSubmatch(url)
	if part == nil || len(part[5]) == 5 && part[5] > "65535" || part[4] != "" && net.ParseIP(part[4]) == nil {
		panic(fmt.Errorf("%s names no server: write tcp://HOST:PORT, HOST:PORT or unix:/PATH", url))
	} else if path := part[1] + part[2]; path != "" {
		return "unix", path
	}
	return "tcp", strings.Fields(part[3] + " 127.0.0.1")[0] + ":" + strings.Fields(part[5] + " 11746")[0]
}

func (to Line) say(start string, members map[string]any) error { // Or returns why the server could not read it.
	text, err := json.Marshal(members)
	line, brackets := strings.Replace(string(text), "{", start, 1)+"\n", noBracket.ReplaceAllString(string(text), "")
	for i := 0; i < 128; i, brackets = i+1, pairs.Replace(brackets) { // Each time without the innermost.
	}
	if err == nil && (brackets != "" || len(line) > int(to.Metrics.Max_line)+1 || strings.ToValidUTF8(line, "") != line) {
		return fmt.Errorf("longer than %d bytes, deeper than 128 levels, or not UTF-8", to.Metrics.Max_line)
	} else if err == nil {
		io.WriteString(to.conn, line) // talk notices if this fails, because the connection has ended then.
	}
	return err
}

func talk(url string, hear func(line Line) (more bool)) (err error) { // Passes lines to hear: the metrics, then others.
	defer func() { err = fmt.Errorf("%v", recover()) }() // Of nil when hear has had enough.
	set := func(fd uintptr) { sys.SetsockoptLinger(int(fd), sys.SOL_SOCKET, sys.SO_LINGER, &sys.Linger{Onoff: 1}) }
	d := net.Dialer{Timeout: 5 * time.Second, Control: func(_, _ string, c sys.RawConn) error { return c.Control(set) }}
	conn := must(d.Dial(parseURL(url))) // Go sets TCP_NODELAY and keepalive by itself.
	defer conn.Close()
	if t, is := conn.(*net.TCPConn); is && (t.LocalAddr().String() == t.RemoteAddr().String() || t.SetLinger(-1) != nil) {
		panic(fmt.Errorf("no server listens at %s: TCP connected it to itself", url)) // Whose port is free at once.
	}
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	must(io.WriteString(conn, "{\"cmd\":\"metrics\"}\n"))
	line, input := Line{conn: conn, Attempt: 1, Metrics: &struct{ Max_line int64 }{16 << 20}}, &io.LimitedReader{conn, 1e6}
	for lines, heard, more := json.NewDecoder(input), line, true; more; input.N, heard = line.Metrics.Max_line+1024, line {
		must(0, lines.Decode(&heard))
		conn.SetDeadline(time.Time{})
		more = hear(heard)
	}
	return
}

// Do submits jobs with these members, "type" and others, and returns their answers. The end of ctx cancels those that
// are "cancellable". tell gets a Line with the Cmd "progress" or "stored" of those that ask for it ("durable").
func Do(ctx context.Context, url string, tell func(Line), jobs ...map[string]any) []Line {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	answers, waiting := make([]Line, len(jobs)), map[string]int{}
	end := func(i int, answer Line) { answers[i] = answer; delete(waiting, fmt.Sprint(i)) }
	for i := range jobs {
		waiting[fmt.Sprint(i)] = i
	}
	err := talk(url, func(line Line) bool {
		for i := 0; line.Cmd == "metrics" && i < len(jobs); i++ {
			id := fmt.Sprintf(`"id":%d`, i)
			if err := line.say(`{"cmd":"do",`+id+`,`, jobs[i]); err != nil {
				end(i, Line{Code: "not_sent", Err: must(json.Marshal(err.Error()))})
			} else if jobs[i]["cancellable"] == true {
				go func() { <-ctx.Done(); io.WriteString(line.conn, `{"cmd":"cancel",`+id+"}\n") }()
			}
		}
		if i, waits := waiting[string(line.ID)]; waits && line.Cmd == "did" {
			end(i, line)
		} else if waits && tell != nil && (line.Cmd == "progress" || line.Cmd == "stored") {
			tell(line)
		}
		return len(waiting) > 0
	})
	for _, i := range waiting {
		end(i, Line{Code: "lost", Err: must(json.Marshal(fmt.Sprint(err)))})
	}
	return answers
}

func Work(url string, canDo map[string]any, do func(job Line) (any, error)) { // For ever. do's error is the err.
	parseURL(url)                     // A wrong one ends the program.
	for failures := 0; ; failures++ { // The pauses double up to 10 s, then begin anew. They differ between programs.
		cancel, busy := func() {}, make(chan bool, 1)
		log.Println("deputy:", talk(url, func(line Line) bool {
			failures = 0
			if line.Cmd == "metrics" {
				must(0, line.say(`{"cmd":"can_do","max_jobs":1,`, canDo))
			} else if line.Cmd == "do" {
				busy <- true
				line.Context, cancel = context.WithCancel(context.Background())
				go func() { defer func() { <-busy }(); line.answer(do) }()
			} else if line.Cmd == "cancel" {
				cancel() // Its only job, which is to be answered nevertheless.
			}
			return true
		}))
		cancel()
		busy <- true // The last job has ended. Its result went nowhere.
		time.Sleep(time.Duration(50+time.Now().UnixNano()/1000%50) * time.Millisecond << (failures % 8))
	}
}

func (job Line) Progress(data any) error { // Tells the submitter, if it asked. Renews a run limit.
	return job.say(`{"cmd":"progress",`, map[string]any{"job": job.Job, "data": data})
}

func (job Line) answer(do func(job Line) (any, error)) {
	defer func() {
		if failure := recover(); job.Cmd == "do" { // Also after runtime.Goexit in do.
			err := fmt.Sprintf("%.*s", int(job.Metrics.Max_line-64)/12, fmt.Sprint(failure))
			job.say(`{"cmd":"did",`, map[string]any{"job": job.Job, "err": err})
		}
	}()
	job.Cmd = must("did", job.say(`{"cmd":"did",`, map[string]any{"job": job.Job, "res": must(do(job))}))
}

func main() {
	url, jobs := os.Getenv("DEPUTY_URL"), []map[string]any{}
	with := func(m map[string]any) map[string]any { json.Unmarshal([]byte(os.Getenv("MEMBERS")), &m); return m }
	if os.Args[1] == "work" { // To try it out: sleeps for arg.seconds, and gives arg back.
		Work(url, with(map[string]any{"types": os.Args[2:3]}), func(job Line) (any, error) {
			nap := map[string]any{}
			err := json.Unmarshal(job.Arg, &nap)
			if nap["report"] != nil {
				job.Progress(map[string]any{"attempt": job.Attempt, "ref": job.Ref})
			}
			ctx, _ := context.WithTimeout(job.Context, time.Duration(nap["seconds"].(float64)*1e9))
			<-ctx.Done()
			return job.Arg, err
		})
	}
	for _, arg := range os.Args[3:] {
		jobs = append(jobs, with(map[string]any{"type": os.Args[2], "arg": json.RawMessage(arg)}))
	}
	ctx, _ := context.WithTimeout(context.Background(), map[string]time.Duration{"do": 1 << 62}[os.Args[1]]) // Or at once.
	for _, answer := range Do(ctx, url, func(l Line) { fmt.Fprintf(os.Stderr, "%s: %s\n", l.Cmd, l.Data) }, jobs...) {
		if answer.Code != "" {
			log.Fatalf("%s: %s", answer.Code, answer.Err)
		}
		json.NewEncoder(os.Stdout).Encode(answer.Res)
	}
}
