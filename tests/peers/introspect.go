// introspect - a Varlink client that knows of a service only what the service says of itself
//
// introspect unix:PATH INTERFACE [METHOD.]PARAMETER=JSON...
//
// Reads the descriptions of all interfaces; then calls every method of INTERFACE, first with the parameters that it
// needs, then with all for which a value is given here, and holds each answer to its description: every field, its
// type, and none beside them.  Prints a line for each call: "METHOD(PARAMETERS) ok", or the name of the error.  Then calls
// every method with a parameter that it has not, with each one of another type, and without each that it needs:
// has to be refused by name.  METHOD.PARAMETER=- gives that method none.  Exit status 1 and a text: an answer that is not
// as described.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/varlink/go/varlink"
	"github.com/varlink/go/varlink/idl"
)

const serviceInterface = "org.varlink.service"

type parameters map[string]interface{}

type client struct {
	address    string
	interfaces map[string]*idl.IDL
	values     map[string]string // JSON
}

func die(format string, args ...interface{}) {
	fmt.Fprintf(os.Stderr, "introspect: "+format+"\n", args...)
	os.Exit(1)
}

func timeout() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	_ = cancel
	return ctx
}

func (c *client) connect() *varlink.Connection {
	conn, err := varlink.NewConnection(timeout(), c.address)
	if err != nil {
		die("%v", err)
	}
	return conn
}

// ---- values and types ----

func alias(i *idl.IDL, name string) *idl.Type {
	for _, a := range i.Aliases {
		if a.Name == name {
			return a.Type
		}
	}
	return nil
}

// defined says which type a type refers to and that is not there.
func defined(i *idl.IDL, t *idl.Type) error {
	switch t.Kind {
	case idl.TypeAlias:
		if alias(i, t.Alias) == nil {
			return fmt.Errorf("type %s is not defined", t.Alias)
		}
	case idl.TypeArray, idl.TypeMap, idl.TypeMaybe:
		return defined(i, t.ElementType)
	case idl.TypeStruct:
		for _, f := range t.Fields {
			if err := defined(i, f.Type); err != nil {
				return err
			}
		}
	}
	return nil
}

func isInt(v interface{}) bool {
	n, ok := v.(json.Number)
	return ok && !strings.ContainsAny(n.String(), ".eE")
}

func fits(i *idl.IDL, t *idl.Type, v interface{}, where string) error {
	ok := false
	switch t.Kind {
	case idl.TypeMaybe:
		if v == nil {
			return nil
		}
		return fits(i, t.ElementType, v, where)
	case idl.TypeAlias:
		return fits(i, alias(i, t.Alias), v, where)
	case idl.TypeBool:
		_, ok = v.(bool)
	case idl.TypeInt:
		ok = isInt(v)
	case idl.TypeFloat:
		_, ok = v.(json.Number)
	case idl.TypeString:
		_, ok = v.(string)
	case idl.TypeObject:
		_, ok = v.(map[string]interface{})
	case idl.TypeEnum:
		for _, f := range t.Fields {
			ok = ok || f.Name == v
		}
	case idl.TypeArray:
		return elementsFit(i, t, v, where)
	case idl.TypeMap:
		return membersFit(i, t, v, where)
	case idl.TypeStruct:
		return fieldsFit(i, t, v, where)
	}
	if !ok {
		return fmt.Errorf("%s: %v is not of the type that is described", where, v)
	}
	return nil
}

func elementsFit(i *idl.IDL, t *idl.Type, v interface{}, where string) error {
	all, ok := v.([]interface{})
	if !ok {
		return fmt.Errorf("%s: %v is no array", where, v)
	}
	for n, e := range all {
		if err := fits(i, t.ElementType, e, fmt.Sprintf("%s[%d]", where, n)); err != nil {
			return err
		}
	}
	return nil
}

func membersFit(i *idl.IDL, t *idl.Type, v interface{}, where string) error {
	all, ok := v.(map[string]interface{})
	if !ok {
		return fmt.Errorf("%s: %v is no object", where, v)
	}
	for key, e := range all {
		if err := fits(i, t.ElementType, e, where+"."+key); err != nil {
			return err
		}
	}
	return nil
}

func fieldsFit(i *idl.IDL, t *idl.Type, v interface{}, where string) error {
	all, ok := v.(map[string]interface{})
	if !ok {
		return fmt.Errorf("%s: %v is no object", where, v)
	}
	known := make(map[string]bool)
	for _, f := range t.Fields {
		known[f.Name] = true
		if err := fits(i, f.Type, all[f.Name], where+"."+f.Name); err != nil {
			return err
		}
	}
	for key := range all {
		if !known[key] {
			return fmt.Errorf("%s: %s is not described", where, key)
		}
	}
	return nil
}

// ---- calls ----

// answer is an error by its full name, or the name is "" and the parameters are those of the reply.
type answer struct {
	name       string
	parameters json.RawMessage
	continues  bool
}

// The library has types of its own for four errors.
func errorAnswer(err error) (answer, bool) {
	var plain *varlink.Error
	var text []byte

	if errors.As(err, &plain) {
		if raw := plain.Parameters.(*json.RawMessage); raw != nil {
			text = *raw
		}
		return answer{name: plain.Name, parameters: text}, true
	}
	switch err.(type) {
	case *varlink.InterfaceNotFound, *varlink.MethodNotFound, *varlink.MethodNotImplemented, *varlink.InvalidParameter:
		text, _ = json.Marshal(err)
		return answer{name: err.Error(), parameters: text}, true
	}
	return answer{}, false
}

func (c *client) send(conn *varlink.Connection, method string, p parameters, flags uint64) answer {
	var raw json.RawMessage

	receive, err := conn.Send(timeout(), method, p, flags)
	if err != nil {
		die("%s: %v", method, err)
	}
	if flags&varlink.Oneway != 0 {
		return answer{}
	}
	got, err := receive(timeout(), &raw)
	if err == nil {
		return answer{parameters: raw, continues: got&varlink.Continues != 0}
	}
	a, known := errorAnswer(err)
	if !known {
		die("%s: %v", method, err)
	}
	return a
}

func (c *client) call(method string, p parameters, flags uint64) answer {
	conn := c.connect()
	defer conn.Close()
	return c.send(conn, method, p, flags)
}

func decode(raw json.RawMessage) interface{} {
	var v interface{}

	if len(raw) == 0 {
		return map[string]interface{}{}
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		die("%s: %v", raw, err)
	}
	return v
}

// An error is one of this interface or of org.varlink.service.
func (c *client) errorType(i *idl.IDL, name string) (*idl.IDL, *idl.Type) {
	for _, in := range []*idl.IDL{i, c.interfaces[serviceInterface]} {
		for _, e := range in.Errors {
			if in.Name+"."+e.Name == name {
				return in, e.Type
			}
		}
	}
	return nil, nil
}

// hold holds an answer to the description.
func (c *client) hold(i *idl.IDL, m *idl.Method, what string, a answer) {
	in, t := i, m.Out
	if a.name != "" {
		if in, t = c.errorType(i, a.name); t == nil {
			die("%s: the error %s is not described", what, a.name)
		}
	}
	if err := fits(in, t, decode(a.parameters), what); err != nil {
		die("%v\nin %s", err, a.parameters)
	}
}

// ---- what is said to be there ----

func (c *client) introspect() {
	var vendor, product, version, url string
	var names []string

	conn := c.connect()
	defer conn.Close()
	if err := conn.GetInfo(timeout(), &vendor, &product, &version, &url, &names); err != nil {
		die("GetInfo: %v", err)
	}
	fmt.Printf("info %s %s\n", vendor, product)
	for _, name := range names {
		text, err := conn.GetInterfaceDescription(timeout(), name)
		if err != nil {
			die("GetInterfaceDescription: %s: %v", name, err)
		}
		c.interfaces[name] = parse(name, text)
		fmt.Printf("interface %s\n", name)
	}
	if c.interfaces[serviceInterface] == nil {
		die("%s is not served", serviceInterface)
	}
}

// Names of interfaces may have capital letters (varlink.org), which the library's parser does not know yet: it gets this
// one name in small letters.
func parse(name, text string) *idl.IDL {
	i, err := idl.New(strings.Replace(text, "\ninterface "+name+"\n", "\ninterface "+strings.ToLower(name)+"\n", 1))
	if err != nil {
		die("%s: %v", name, err)
	}
	if i.Name != strings.ToLower(name) {
		die("%s calls itself %s", name, i.Name)
	}
	i.Name = name
	for _, a := range i.Aliases {
		check(i, a.Name, a.Type)
	}
	for _, m := range i.Methods {
		check(i, m.Name, m.In)
		check(i, m.Name, m.Out)
	}
	for _, e := range i.Errors {
		check(i, e.Name, e.Type)
	}
	return i
}

func check(i *idl.IDL, what string, t *idl.Type) {
	if err := defined(i, t); err != nil {
		die("%s.%s: %v", i.Name, what, err)
	}
}

// ---- right calls ----

// value is what was given for a parameter; false: nothing.
func (c *client) value(m *idl.Method, f idl.TypeField) (interface{}, bool) {
	text, given := c.values[m.Name+"."+f.Name]
	if !given {
		text, given = c.values[f.Name]
	}
	if !given || text == "-" {
		return nil, false
	}
	return decode(json.RawMessage(text)), true
}

func (c *client) arguments(m *idl.Method, all bool) parameters {
	p := parameters{}
	for _, f := range m.In.Fields {
		if f.Type.Kind == idl.TypeMaybe && !all {
			continue
		}
		v, given := c.value(m, f)
		if given {
			p[f.Name] = v
		} else if f.Type.Kind != idl.TypeMaybe {
			die("%s needs %s: give a value", m.Name, f.Name)
		}
	}
	return p
}

func (p parameters) String() string {
	names := []string{}
	for name := range p {
		names = append(names, name)
	}
	sort.Strings(names)
	return strings.Join(names, ",")
}

// Where `more` is expected it is asked for: the first part is the answer.
func (c *client) try(i *idl.IDL, m *idl.Method, p parameters) {
	what := fmt.Sprintf("%s(%v)", m.Name, p)
	a := c.call(i.Name+"."+m.Name, p, 0)
	c.hold(i, m, what, a)
	if a.continues {
		die("%s: more than was asked for", what)
	}
	if a.name == serviceInterface+".ExpectedMore" {
		what += " more"
		a = c.call(i.Name+"."+m.Name, p, varlink.More)
		c.hold(i, m, what, a)
	}
	if a.name == "" {
		a.name = "ok"
	}
	fmt.Printf("%s %s\n", what, a.name)
}

func (c *client) tryAll(i *idl.IDL) {
	for _, m := range i.Methods {
		least, most := c.arguments(m, false), c.arguments(m, true)
		c.try(i, m, least)
		if len(most) > len(least) {
			c.try(i, m, most)
		}
	}
}

// ---- wrong calls ----

func other(t *idl.Type) interface{} {
	if t.Kind == idl.TypeMaybe {
		t = t.ElementType
	}
	if t.Kind == idl.TypeString {
		return 5
	}
	return "five"
}

func (c *client) refused(i *idl.IDL, m *idl.Method, p parameters, name string) {
	var got struct{ Parameter string }

	a := c.call(i.Name+"."+m.Name, p, 0)
	_ = json.Unmarshal(a.parameters, &got)
	if a.name != serviceInterface+".InvalidParameter" || got.Parameter != name {
		die("%s(%v): the bad parameter is %s, and the answer %q %s", m.Name, p, name, a.name, a.parameters)
	}
}

func (c *client) with(m *idl.Method, name string, v interface{}) parameters {
	p := c.arguments(m, false)
	p[name] = v
	return p
}

func (c *client) tryWrong(i *idl.IDL) {
	n := 0
	for _, m := range i.Methods {
		c.refused(i, m, c.with(m, "no_such_parameter", 1), "no_such_parameter")
		for _, f := range m.In.Fields {
			c.refused(i, m, c.with(m, f.Name, other(f.Type)), f.Name)
			n++
			if f.Type.Kind != idl.TypeMaybe {
				p := c.arguments(m, false)
				delete(p, f.Name)
				c.refused(i, m, p, f.Name)
			}
			if f.Type.Kind == idl.TypeMaybe && f.Type.ElementType.Kind == idl.TypeInt {
				c.refused(i, m, c.with(m, f.Name, 1.5), f.Name)
			}
		}
		n++
	}
	fmt.Printf("refused %d\n", n)
}

// What there is not, and a call that wants no answer: none comes before the next one's.
func (c *client) tryOthers(i *idl.IDL) {
	conn := c.connect()
	defer conn.Close()
	for _, m := range []string{i.Name + ".NoSuchMethod", "no.such.Interface"} {
		fmt.Printf("%s %s\n", m, c.send(conn, m, nil, 0).name)
	}
	service := c.interfaces[serviceInterface]
	c.send(conn, i.Name+"."+i.Methods[0].Name, parameters{}, varlink.Oneway)
	c.send(conn, i.Name+".NoSuchMethod", parameters{}, varlink.Oneway)
	c.hold(service, service.Methods[0], "after oneway", c.send(conn, service.Name+"."+service.Methods[0].Name, nil, 0))
	fmt.Println("oneway ok")
}

func main() {
	if len(os.Args) < 3 {
		die("usage: introspect unix:PATH INTERFACE [METHOD.]PARAMETER=JSON...")
	}
	c := &client{address: os.Args[1], interfaces: map[string]*idl.IDL{}, values: map[string]string{}}
	for _, arg := range os.Args[3:] {
		at := strings.Index(arg, "=")
		if at < 0 {
			die("%s: no value", arg)
		}
		c.values[arg[:at]] = arg[at+1:]
	}
	c.introspect()
	i := c.interfaces[os.Args[2]]
	if i == nil {
		die("%s is not served", os.Args[2])
	}
	c.tryAll(i)
	c.tryWrong(i)
	c.tryOthers(i)
}
