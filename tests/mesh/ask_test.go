package mesh

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"graylane.test/mesh/upstream"
)

// The names of user-svc, as clients outside and inside the mesh know it.
const (
	outside = "user-svc.example.com"
	inside  = "user-svc.shop.svc.cluster.local:8080"
)

// request is the headers of one to user-svc.
type request map[string]string

// ask sends a request and returns who answered; anything but a 200 is an error.
func ask(at, host string, headers request) (upstream.Answer, error) {
	answer, err := send(at, host, headers)
	figures.count(answer.Lane, err)
	return answer, err
}

func send(at, host string, headers request) (upstream.Answer, error) {
	var answer upstream.Answer
	asked, err := http.NewRequest("GET", "http://"+at+"/", nil)
	if err != nil {
		return answer, err
	}
	asked.Host = host
	for name, value := range headers {
		asked.Header.Set(name, value)
	}
	got, err := http.DefaultClient.Do(asked)
	if err != nil {
		return answer, err
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		return answer, err
	}
	if got.StatusCode != http.StatusOK {
		return answer, fmt.Errorf("%d: %s", got.StatusCode, body)
	}
	return answer, json.Unmarshal(body, &answer)
}

// lane is who answers: the lane, or what went wrong.
func lane(at, host string, headers request) string {
	answer, err := ask(at, host, headers)
	if err != nil {
		return err.Error()
	}
	return answer.Lane
}

func (s *stage) throughGateway(headers request) string { return lane(s.gatewayAt, outside, headers) }
func (s *stage) throughClient(headers request) string  { return lane(s.clientAt, inside, headers) }
