// SPDX-License-Identifier: GPL-2.0
// Go: goroutines that meet and contend, its collector, preemption by signals, files, a server of its own, processes, timers.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func must(err error) {
	if err != nil {
		fmt.Println("WRONG", err)
		os.Exit(1)
	}
}

func goroutines() {
	var group sync.WaitGroup
	var lock sync.Mutex
	var count int64
	sums := map[int]int{}
	numbers := make(chan int)

	for n := 0; n < 500; n++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := range numbers {
				atomic.AddInt64(&count, 1)
				lock.Lock()
				sums[i%10] += i
				lock.Unlock()
			}
		}()
	}
	for i := 0; i < 20000; i++ {
		numbers <- i
	}
	close(numbers)
	group.Wait()
	fmt.Println("goroutines", count, sums)
}

func preemption() {
	done := make(chan bool)

	for n := 0; n < 2*runtime.GOMAXPROCS(0); n++ {
		go func() {
			x := 1
			for i := 0; i < 20000000; i++ {
				x = x*31 + i
			}
			done <- x != 0
		}()
	}
	for n := 0; n < 2*runtime.GOMAXPROCS(0); n++ {
		<-done
	}
	fmt.Println("preemption")
}

type tree struct{ left, right *tree }

func grow(depth int) *tree {
	if depth == 0 {
		return &tree{}
	}
	return &tree{grow(depth - 1), grow(depth - 1)}
}

func (t *tree) count() int {
	if t.left == nil {
		return 1
	}
	return 1 + t.left.count() + t.right.count()
}

func collector() {
	var group sync.WaitGroup
	var nodes int64

	kept := grow(14)
	for n := 0; n < 4; n++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := 0; i < 10; i++ {
				atomic.AddInt64(&nodes, int64(grow(10).count()))
			}
		}()
	}
	group.Wait()
	runtime.GC()
	debug.FreeOSMemory()
	fmt.Println("collector", nodes, kept.count())
}

func files() {
	must(os.MkdirAll("a/b", 0755))
	for i := 0; i < 5; i++ {
		must(os.WriteFile(fmt.Sprint("a/b/", i), bytes.Repeat([]byte{byte('0' + i)}, 10000*i), 0644))
	}
	must(os.Rename("a/b/1", "a/one"))
	must(os.Symlink("b/2", "a/two"))
	var names []string
	must(filepath.Walk("a", func(path string, info os.FileInfo, err error) error {
		names = append(names, fmt.Sprint(path, ":", info.Mode()))
		return err
	}))
	sort.Strings(names)
	file, err := os.Open("a/two")
	must(err)
	hash := sha256.New()
	_, err = io.Copy(hash, file)
	must(err)
	fmt.Println("files", strings.Join(names, " "))
	fmt.Printf("%x\n", hash.Sum(nil))
	_, err = os.Open("none")
	fmt.Println(errors.Is(err, os.ErrNotExist))
}

func server() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprint(w, r.Method, r.URL.Path, len(body))
	}))
	var group sync.WaitGroup
	answers := make([]string, 8)
	for i := range answers {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			r, err := http.Post(fmt.Sprintf("http://%v/%d", listener.Addr(), i), "text/plain", strings.NewReader(strings.Repeat("x", 5000*i)))
			must(err)
			body, err := io.ReadAll(r.Body)
			must(err)
			answers[i] = string(body)
		}(i)
	}
	group.Wait()
	fmt.Println("server", answers)
}

func processes() {
	command := exec.Command("tr", "a-z", "A-Z")
	command.Stdin = strings.NewReader("shouted")
	out, err := command.Output()
	fmt.Println("processes", string(out), err)
	err = exec.Command("sh", "-c", "exit 7").Run()
	fmt.Println(err)
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	fmt.Println(exec.CommandContext(ctx, "sleep", "60").Run())
	fmt.Println(exec.Command("./none").Run())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	must(syscall.Kill(os.Getpid(), syscall.SIGUSR1))
	fmt.Println(<-signals)
}

func timers() {
	ticker := time.NewTicker(5 * time.Millisecond)
	before := time.Now()

	for i := 0; i < 5; i++ {
		<-ticker.C
	}
	select {
	case <-time.After(10 * time.Millisecond):
	case <-make(chan bool):
	}
	fmt.Println("timers", time.Since(before) >= 30*time.Millisecond)
}

func faults() {
	defer func() { fmt.Println("faults", recover()) }()
	var none *tree
	fmt.Println(none.left)
}

func main() {
	goroutines()
	preemption()
	collector()
	files()
	server()
	processes()
	timers()
	faults()
	os.Exit(3)
}
