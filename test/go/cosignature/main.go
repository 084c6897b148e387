// Checks cosignatures and what a witness answers with golang.org/x/mod and the standard library only, from the text of
// the C2SP documents: a witness key of type 4 is no signature type that x/mod knows, so its verifier is written here.
//
//	cosignature DIR                   checks cosignature.json
//	cosignature NOTE LOG WITNESS...   prints the size, and for each witness the time of its cosignature
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// witness is a note.Verifier for cosignature/v1.
type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
	time uint64
}

func newWitness(vkey string) (*witness, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	id, b64, _ := strings.Cut(rest, "+")
	typed, err := base64.StdEncoding.DecodeString(b64)
	if err != nil || len(typed) != 33 || typed[0] != 4 {
		return nil, fmt.Errorf("%s is no witness key", vkey)
	}
	sum := sha256.Sum256(append([]byte(name+"\n"), typed...))
	if fmt.Sprintf("%x", sum[:4]) != id {
		return nil, fmt.Errorf("%s has another id", vkey)
	}
	return &witness{name: name, hash: binary.BigEndian.Uint32(sum[:]), key: typed[1:]}, nil
}

func (w *witness) Name() string    { return w.name }
func (w *witness) KeyHash() uint32 { return w.hash }
func (w *witness) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	w.time = binary.BigEndian.Uint64(sig)
	signed := append([]byte(fmt.Sprintf("cosignature/v1\ntime %d\n", w.time)), msg...)
	return w.time != 0 && ed25519.Verify(w.key, signed, sig[8:])
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "cosignature:", err)
		os.Exit(1)
	}
}

// open returns the text of a note that the log and every given witness signed.
func open(text, logKey string, witnesses []*witness) (string, error) {
	log, err := note.NewVerifier(logKey)
	if err != nil {
		return "", err
	}
	verifiers := []note.Verifier{log}
	for _, w := range witnesses {
		verifiers = append(verifiers, w)
	}
	n, err := note.Open([]byte(text), note.VerifierList(verifiers...))
	if err != nil {
		return "", err
	}
	if len(n.Sigs) != len(verifiers) {
		return "", fmt.Errorf("%d signatures by %d keys", len(n.Sigs), len(verifiers))
	}
	return n.Text, nil
}

func parseCheckpoint(text string) (tlog.Tree, string, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return tlog.Tree{}, "", fmt.Errorf("not three lines: %q", text)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, "", err
	}
	hash, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: hash}, lines[0], err
}

// answer is what tlog-witness asks of a witness that cosigned latest.
func answer(body, logKey string, latest tlog.Tree) int {
	head, signed, found := strings.Cut(body, "\n\n")
	lines := strings.Split(head, "\n")
	digits, isOld := strings.TrimPrefix(lines[0], "old "), strings.HasPrefix(lines[0], "old ")
	old, err := strconv.ParseInt(digits, 10, 64)
	if !found || !isOld || err != nil || strconv.FormatInt(old, 10) != digits || len(lines) > 64 {
		return 400
	}
	var proof tlog.TreeProof
	for _, line := range lines[1:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return 400
		}
		proof = append(proof, hash)
	}
	text, err := open(signed, logKey, nil)
	if err != nil {
		// Malformed notes are a 400, but x/mod does not tell them apart: the vectors have none.
		return 403
	}
	tree, _, err := parseCheckpoint(text)
	switch {
	case err != nil || old > tree.N:
		return 400
	case old != latest.N:
		return 409
	case old == tree.N && (tree.Hash != latest.Hash || len(proof) > 0):
		return 422
	case old > 0 && tlog.CheckTree(proof, tree.N, tree.Hash, old, latest.Hash) != nil:
		return 422
	}
	return 200
}

type vectors struct {
	Log       string
	Witnesses []struct{ Seed, Vkey string }
	Text      string
	Times     []uint64
	Note      string
	Not       []struct{ Why, Note string } `json:"not_cosignatures"`
	Latest    struct {
		Size int64
		Root tlog.Hash
	}
	Requests []struct {
		Why, Body string
		Status    int
	}
}

func checkVectors(dir string) (int, error) {
	data, err := os.ReadFile(filepath.Join(dir, "cosignature.json"))
	if err != nil {
		return 0, err
	}
	var v vectors
	if err := json.Unmarshal(data, &v); err != nil {
		return 0, err
	}
	var all []*witness
	for _, row := range v.Witnesses {
		w, err := newWitness(row.Vkey)
		if err != nil {
			return 0, err
		}
		seed := sha256.Sum256([]byte(row.Seed))
		if !bytes.Equal(ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey), w.key) {
			return 0, fmt.Errorf("%s is not of its seed", row.Vkey)
		}
		all = append(all, w)
	}
	text, err := open(v.Note, v.Log, all)
	if err != nil || text != v.Text {
		return 0, fmt.Errorf("the cosigned note: %v", err)
	}
	for i, w := range all {
		if w.time != v.Times[i] {
			return 0, fmt.Errorf("%s signed at %d", w.name, w.time)
		}
	}
	for _, row := range v.Not {
		if _, err := open(row.Note, v.Log, all[:1]); err == nil {
			return 0, fmt.Errorf("accepted: %s", row.Why)
		}
	}
	latest := tlog.Tree{N: v.Latest.Size, Hash: v.Latest.Root}
	for _, row := range v.Requests {
		if status := answer(row.Body, v.Log, latest); status != row.Status {
			return 0, fmt.Errorf("%s: %d, not %d", row.Why, status, row.Status)
		}
	}
	return len(all) + len(v.Not) + len(v.Requests), nil
}

func main() {
	if len(os.Args) == 2 {
		n, err := checkVectors(os.Args[1])
		check(err)
		fmt.Printf("ok: %d values\n", n)
		return
	}
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: cosignature DIR | cosignature NOTE LOG WITNESS...")
		os.Exit(2)
	}
	data, err := os.ReadFile(os.Args[1])
	check(err)
	var all []*witness
	for _, vkey := range os.Args[3:] {
		w, err := newWitness(vkey)
		check(err)
		all = append(all, w)
	}
	text, err := open(string(data), os.Args[2], all)
	check(err)
	tree, origin, err := parseCheckpoint(text)
	check(err)
	fmt.Printf("ok: %s %d\n", origin, tree.N)
	for _, w := range all {
		fmt.Printf("%s %d\n", w.name, w.time)
	}
}
