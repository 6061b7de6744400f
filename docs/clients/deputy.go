// Deputy's client for Go (1.18 or later) in one file, to copy. Each Do and each Work has a connection of its own.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strings"
	"time"
)

const lineMax = 16<<20 + 1024 // The longest line that a server takes by default, and what it may add to one.
// Line is what the server says: a job, or its answer, which has a Code if there is no result.
type Line struct {
	Cmd, Code              string
	ID, Job, Arg, Res, Err json.RawMessage
}

// talk says the first lines, then passes what the server says to hear, until that has enough or the connection is lost.
func talk(url string, first []map[string]any, hear func(line Line, say *json.Encoder) (more bool)) error {
	network, address, _ := strings.Cut(strings.Replace(url, "://", ":", 1), ":")
	conn, err := net.DialTimeout(network, address, 5*time.Second) // Go sets TCP_NODELAY and keepalive by itself.
	if err == nil {
		defer conn.Close()
	}
	say, limited := json.NewEncoder(conn), &io.LimitedReader{R: conn, N: lineMax}
	for i := 0; err == nil && i < len(first); i++ {
		err = say.Encode(first[i])
	}
	for lines, more := json.NewDecoder(limited), len(first) > 0; err == nil && more; limited.N = lineMax {
		var line Line
		err = lines.Decode(&line)
		more = err == nil && hear(line, say)
	}
	return err
}

// Do submits a job for each arg, a JSON text, and returns their answers. With the Code "lost" it may be done or not.
func Do(url, jobType string, args ...string) []Line {
	jobs, answers, waiting := []map[string]any{}, make([]Line, len(args)), map[string]int{}
	for i, arg := range args {
		jobs = append(jobs, map[string]any{"cmd": "do", "id": i, "type": jobType, "arg": json.RawMessage(arg)})
		waiting[fmt.Sprint(i)] = i
	}
	err := talk(url, jobs, func(line Line, _ *json.Encoder) bool {
		if i, waits := waiting[string(line.ID)]; waits && line.Cmd == "did" {
			answers[i] = line
			delete(waiting, string(line.ID))
		}
		return len(waiting) > 0
	})
	for _, i := range waiting {
		answers[i] = Line{Code: "lost", Err: json.RawMessage(fmt.Sprintf("%q", fmt.Sprint(err)))}
	}
	return answers
}

// Work does one job after the other for ever: start as many as are to run at once. What do fails with is the job's err.
func Work(url, jobType string, do func(arg json.RawMessage) (any, error)) {
	first := []map[string]any{{"cmd": "can_do", "types": []string{jobType}, "max_jobs": 1}, {"cmd": "ping"}}
	for failures := 0; ; failures++ {
		log.Println("deputy:", talk(url, first, func(job Line, say *json.Encoder) bool {
			failures = 0
			if job.Cmd == "do" {
				res, err := do(job.Arg)
				if err == nil {
					err = say.Encode(map[string]any{"cmd": "did", "job": job.Job, "res": res})
				}
				if err != nil { // Also if the result is no JSON. If the connection is lost, others have got the job.
					say.Encode(map[string]any{"cmd": "did", "job": job.Job, "err": err.Error()})
				}
			}
			return true
		}))
		// Doubles up to 10 s, then begins anew; others that lost the same server take another time.
		time.Sleep(time.Duration(50+time.Now().UnixNano()/1000%50) * time.Millisecond << (failures % 8))
	}
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
