package cluster

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"graylane.test/cluster/pods"
)

// entrance is a proxy that requests are sent through, to a host behind it, and the label that says which lane a pod is.
type entrance struct{ at, host, label string }

type headers map[string]string

// send sends a request and returns who answered; anything but a 200 is an error. It is a POST: a client may not repeat it
// by itself, and so hide that one was lost.
func (e entrance) send(client *http.Client, sent headers) (pods.Answer, error) {
	var answer pods.Answer
	asked, err := http.NewRequest("POST", "http://"+e.at+"/", strings.NewReader("order"))
	if err != nil {
		return answer, err
	}
	asked.Host = e.host
	for name, value := range sent {
		asked.Header.Set(name, value)
	}
	got, err := client.Do(asked)
	if err != nil {
		return answer, err
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		return answer, err
	}
	if got.StatusCode != http.StatusOK {
		return answer, fmt.Errorf("%d %s", got.StatusCode, body)
	}
	return answer, json.Unmarshal(body, &answer)
}

// fresh opens a connection for each request: one that is open keeps the filters that it was opened with.
var fresh = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}

// lane is who answers: the lane, or what went wrong.
func (e entrance) lane(sent headers) string {
	answer, err := e.send(fresh, sent)
	figures.count(answer.Labels[e.label], err)
	if err != nil {
		return err.Error()
	}
	return answer.Labels[e.label]
}

// expect fails the test where another lane answers.
func (e entrance) expect(t *testing.T, want string, sent headers) {
	t.Helper()
	if got := e.lane(sent); got != want {
		t.Errorf("%s, %v: %s answers instead of %s", e.host, sent, got, want)
	}
}
