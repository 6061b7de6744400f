// Uses deputy.go as a program would: `driver MODE ARGS...`. The modes are those of ../drivers.rs. Built with deputy.go,
// whose own main has another name then.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
)

func main() {
	if os.Args[1] == "urls" {
		for _, value := range os.Args[2:] {
			fmt.Println(place(value))
		}
		return
	}
	var none *mute
	does := map[string]func(job Line) (any, error){
		"echo":      func(job Line) (any, error) { return job.Arg, nil },
		"nan":       func(Line) (any, error) { return math.NaN(), nil },
		"infinity":  func(Line) (any, error) { return []float64{math.Inf(1)}, nil },
		"deep":      func(Line) (any, error) { return nest(200), nil },
		"binary":    func(Line) (any, error) { return json.RawMessage("\"\xff\""), nil },
		"no-json":   func(Line) (any, error) { return json.RawMessage("{"), nil },
		"function":  func(Line) (any, error) { return func() {}, nil },
		"long":      func(Line) (any, error) { return strings.Repeat("x", 17<<20), nil },
		"panic":     func(Line) (any, error) { panic("at the disco") },
		"panic-nil": func(Line) (any, error) { panic(error(nil)) },
		"goexit":    func(Line) (any, error) { runtime.Goexit(); return 1, nil },
		"mute":      func(Line) (any, error) { return 1, none },
		"marshal":   func(Line) (any, error) { return none, errors.New(strings.Repeat("\xff", 2000)) },
	}
	for kind, do := range does {
		go Work(os.Getenv("DEPUTY_URL"), map[string]any{"types": []string{kind}}, do)
	}
	select {}
}

type mute struct{ text string }

func (m *mute) Error() string { return m.text }

func nest(levels int) any {
	if levels == 0 {
		return []any{}
	}
	return []any{nest(levels - 1)}
}

func place(value string) (text string) {
	defer func() {
		if err := recover(); err != nil {
			text = fmt.Sprint(err)
			if strings.Contains(text, value) {
				text = "error"
			}
		}
	}()
	network, address := parseURL(value)
	if at := strings.LastIndex(address, ":"); network == "tcp" {
		return "tcp " + strings.Trim(address[:at], "[]") + " " + address[at+1:]
	}
	return network + " " + address
}
