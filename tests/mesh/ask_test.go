package mesh

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"graylane.test/mesh/upstream"
)

// The names of user-svc, as clients outside and inside the mesh know it.
const (
	outside = "user-svc.example.com"
	inside  = "user-svc.shop.svc.cluster.local:8080"
)

// request is the headers of one; that of HTTP/2 for the path says which it is for, / where it stands for none.
type request map[string]string

const pathHeader = ":path"

// to is the request for a path.
func (r request) to(path string) request {
	other := request{pathHeader: path}
	for name, value := range r {
		other[name] = value
	}
	return other
}

// send sends a request and returns who answered; anything but a 200 is an error. It is a POST: a client may not repeat it
// by itself, and so hide that one was lost.
func send(client *http.Client, at, host string, headers request) (upstream.Answer, error) {
	var answer upstream.Answer
	asked, err := http.NewRequest("POST", "http://"+at+"/", strings.NewReader("order"))
	if err != nil {
		return answer, err
	}
	asked.Host = host
	for name, value := range headers {
		if name == pathHeader {
			asked.URL.Path = value
		} else {
			asked.Header.Set(name, value)
		}
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

// fresh opens a connection for each request: one that is open keeps the filters that it was opened with, until it is drained.
var fresh = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

func (s *stage) throughGateway(headers request) string {
	return s.lane(http.DefaultClient, s.gatewayAt, outside, headers)
}

func (s *stage) throughClient(headers request) string {
	return s.lane(http.DefaultClient, s.clientAt, inside, headers)
}

// lane is who answers: the lane, or what went wrong.
func (s *stage) lane(client *http.Client, at, host string, headers request) string {
	answer, err := send(client, at, host, headers)
	s.tally.count(answer.Lane, err)
	if err != nil {
		return err.Error()
	}
	return answer.Lane
}

// arrives is the header of that name as it comes to the service.
func (s *stage) arrives(at, host string, headers request, name string) string {
	s.Helper()
	answer, err := send(http.DefaultClient, at, host, headers)
	s.tally.count(answer.Lane, err)
	if err != nil {
		s.Fatal(err)
	}
	return answer.Headers.Get(name)
}
