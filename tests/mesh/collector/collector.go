// Package collector is an OpenTelemetry collector that keeps what it is sent.
package collector

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	logs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	trace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"
)

// Attributes are texts by their keys.
type Attributes map[string]string

// Record is a record of a log, or a span.
type Record struct {
	Log        bool
	Body       string // of a record of a log; the name of a span
	Attributes Attributes
}

// Collector takes logs and spans until its test ends.
type Collector struct {
	Address *net.TCPAddr
	mutex   sync.Mutex
	records []Record
	lines   []byte // logs, as a collector writes them into files
}

// Start has one serve on a listener.
func Start(t testing.TB, listener net.Listener) *Collector {
	c := &Collector{Address: listener.Addr().(*net.TCPAddr)}
	server := grpc.NewServer()
	logs.RegisterLogsServiceServer(server, logsServer{collector: c})
	trace.RegisterTraceServiceServer(server, traceServer{collector: c})
	go server.Serve(listener)
	t.Cleanup(server.Stop)
	return c
}

// Has tells whether a record is among those that have come.
func (c *Collector) Has(is func(Record) bool) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return slices.ContainsFunc(c.records, is)
}

// Forget forgets what has come, but for the file.
func (c *Collector) Forget() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.records = nil
}

// File is all logs that have come, as a collector writes them into a file: OTLP as JSON.
func (c *Collector) File() []byte {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return slices.Clone(c.lines)
}

func (c *Collector) write(line []byte) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.lines = append(append(c.lines, line...), '\n')
}

func (c *Collector) String() string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	var text strings.Builder
	for _, record := range c.records {
		fmt.Fprintf(&text, "%+v\n", record)
	}
	return text.String()
}

func (c *Collector) add(record Record) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.records = append(c.records, record)
}

type logsServer struct {
	logs.UnimplementedLogsServiceServer
	collector *Collector
}

func (s logsServer) Export(_ context.Context, request *logs.ExportLogsServiceRequest) (*logs.ExportLogsServiceResponse, error) {
	line, err := protojson.Marshal(request)
	if err != nil {
		return nil, err
	}
	s.collector.write(line)
	for _, resource := range request.ResourceLogs {
		for _, scope := range resource.ScopeLogs {
			for _, record := range scope.LogRecords {
				s.collector.add(Record{Log: true, Body: record.Body.GetStringValue(), Attributes: attributes(record.Attributes)})
			}
		}
	}
	return &logs.ExportLogsServiceResponse{}, nil
}

type traceServer struct {
	trace.UnimplementedTraceServiceServer
	collector *Collector
}

func (s traceServer) Export(_ context.Context, request *trace.ExportTraceServiceRequest) (*trace.ExportTraceServiceResponse, error) {
	for _, resource := range request.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				s.collector.add(Record{Body: span.Name, Attributes: attributes(span.Attributes)})
			}
		}
	}
	return &trace.ExportTraceServiceResponse{}, nil
}

func attributes(pairs []*common.KeyValue) Attributes {
	attributes := Attributes{}
	for _, pair := range pairs {
		attributes[pair.Key] = pair.Value.GetStringValue()
	}
	return attributes
}
