// Verifies a log published as C2SP tlog-tiles with golang.org/x/mod only, sharing no code with the project.
//
//	published DIR VKEY
//
// DIR holds checkpoint, tile/<L>/<N>[.p/W] and tile/entries/<N>[.p/W]. Everything is recomputed from the entry bundles;
// the first thing that is wrong is named and the exit code is 1.
package main

import (
	"bytes"
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

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: published DIR VKEY")
		os.Exit(2)
	}
	summary, err := verify(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "published:", err)
		os.Exit(1)
	}
	fmt.Println(summary)
}

func verify(dir, vkey string) (string, error) {
	size, root, err := openCheckpoint(dir, vkey)
	if err != nil {
		return "", err
	}
	leaves, err := readEntries(dir, size)
	if err != nil {
		return "", err
	}
	levels, err := checkTiles(dir, leaves)
	if err != nil {
		return "", err
	}
	reader := tileReader(levels)
	if size > 0 {
		got, err := tlog.TreeHash(size, reader)
		if err != nil {
			return "", err
		}
		if got != root {
			return "", fmt.Errorf("the root is %v, the checkpoint signs %v", got, root)
		}
	}
	included, err := checkInclusion(size, root, leaves, reader)
	if err != nil {
		return "", err
	}
	consistent, err := checkConsistency(size, root, reader)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("ok: %d entries, %d levels of tiles, %d inclusion proofs, %d consistency proofs, root %v",
		size, len(levels), included, consistent, root), nil
}

// openCheckpoint returns what the key has signed. The text is origin, size and root: tlog.ParseTree expects the Go
// checksum database's header instead.
func openCheckpoint(dir, vkey string) (int64, tlog.Hash, error) {
	var root tlog.Hash
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return 0, root, err
	}
	msg, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return 0, root, err
	}
	signed, err := note.Open(msg, note.VerifierList(verifier))
	if err != nil {
		return 0, root, fmt.Errorf("checkpoint: %w", err)
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return 0, root, fmt.Errorf("checkpoint: %d lines instead of 3", len(lines)-1)
	}
	if lines[0] != verifier.Name() {
		return 0, root, fmt.Errorf("checkpoint: origin %q, the key is for %q", lines[0], verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return 0, root, fmt.Errorf("checkpoint: size %q", lines[1])
	}
	root, err = tlog.ParseHash(lines[2])
	return size, root, err
}

// tilePath is C2SP's path; tlog.Tile.Path has the height in front.
func tilePath(level string, n int64, width int) string {
	path := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	path = "tile/" + level + "/" + path
	if width < tileWidth {
		path += fmt.Sprintf(".p/%d", width)
	}
	return path
}

func widthOf(hashes, n int64) int {
	if rest := hashes - n*tileWidth; rest < tileWidth {
		return int(rest)
	}
	return tileWidth
}

// readEntries returns the leaf hash of every entry, having checked that each carries its index and its predecessor.
func readEntries(dir string, size int64) ([]tlog.Hash, error) {
	leaves := make([]tlog.Hash, 0, size)
	var prev tlog.Hash
	for n := int64(0); n*tileWidth < size; n++ {
		path := tilePath("entries", n, widthOf(size, n))
		bundle, err := os.ReadFile(filepath.Join(dir, path))
		if err != nil {
			return nil, err
		}
		for i := 0; i < widthOf(size, n); i++ {
			index := n*tileWidth + int64(i)
			if len(bundle) < 2 {
				return nil, fmt.Errorf("index %d: %s ends before it", index, path)
			}
			length := int(binary.BigEndian.Uint16(bundle))
			if len(bundle) < 2+length {
				return nil, fmt.Errorf("index %d: %s cuts it off", index, path)
			}
			entry := bundle[2 : 2+length]
			bundle = bundle[2+length:]
			if err := checkChain(entry, index, prev); err != nil {
				return nil, fmt.Errorf("index %d: %w", index, err)
			}
			prev = tlog.RecordHash(entry)
			leaves = append(leaves, prev)
		}
		if len(bundle) > 0 {
			return nil, fmt.Errorf("%s: %d bytes after its last entry", path, len(bundle))
		}
	}
	return leaves, nil
}

func checkChain(entry []byte, index int64, prev tlog.Hash) error {
	// A map, because matching to struct fields would ignore case.
	var members map[string]json.RawMessage
	if err := json.Unmarshal(entry, &members); err != nil {
		return err
	}
	if string(members["index"]) != strconv.FormatInt(index, 10) {
		return fmt.Errorf("it carries index %s", members["index"])
	}
	var text string
	if err := json.Unmarshal(members["prev"], &text); err != nil {
		return fmt.Errorf("its prev: %w", err)
	}
	claimed, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || !bytes.Equal(claimed, prev[:]) {
		return fmt.Errorf("its prev is %s instead of %v", text, prev)
	}
	return nil
}

// checkTiles compares every tile with the hashes below it and returns the hashes of each level.
func checkTiles(dir string, leaves []tlog.Hash) ([][]tlog.Hash, error) {
	var levels [][]tlog.Hash
	span := int64(1)
	for hashes := leaves; len(hashes) > 0; span *= tileWidth {
		level := len(levels)
		levels = append(levels, hashes)
		var above []tlog.Hash
		for n := int64(0); n*tileWidth < int64(len(hashes)); n++ {
			width := widthOf(int64(len(hashes)), n)
			path := tilePath(strconv.Itoa(level), n, width)
			tile, err := os.ReadFile(filepath.Join(dir, path))
			if err != nil {
				return nil, err
			}
			if len(tile) != width*tlog.HashSize {
				return nil, fmt.Errorf("%s: %d bytes instead of %d", path, len(tile), width*tlog.HashSize)
			}
			for i, hash := range hashes[n*tileWidth : n*tileWidth+int64(width)] {
				if !bytes.Equal(hash[:], tile[i*tlog.HashSize:(i+1)*tlog.HashSize]) {
					return nil, fmt.Errorf("index %d: %s has another hash", (n*tileWidth+int64(i))*span, path)
				}
			}
			if width == tileWidth {
				above = append(above, perfectRoot(hashes[n*tileWidth:(n+1)*tileWidth]))
			}
		}
		hashes = above
	}
	return levels, nil
}

func perfectRoot(hashes []tlog.Hash) tlog.Hash {
	if len(hashes) == 1 {
		return hashes[0]
	}
	half := len(hashes) / 2
	return tlog.NodeHash(perfectRoot(hashes[:half]), perfectRoot(hashes[half:]))
}

// tileReader serves the nodes of the tree out of its tiles.
func tileReader(levels [][]tlog.Hash) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			height, n := tlog.SplitStoredHashIndex(index)
			level := height / tileHeight
			span := int64(1) << (height % tileHeight)
			if level >= len(levels) || (n+1)*span > int64(len(levels[level])) {
				return nil, fmt.Errorf("no tile holds node %d of height %d", n, height)
			}
			found[i] = perfectRoot(levels[level][n*span : (n+1)*span])
		}
		return found, nil
	})
}

// sample is sorted, without doubles, and has the edges of tiles in it.
func sample(from, to int64) []int64 {
	var picked []int64
	step := (to-from)/97 + 1
	for i := from; i < to; i++ {
		edge := i%tileWidth == 0 || i%tileWidth == tileWidth-1
		if (i-from)%step == 0 || i == to-1 || (edge && to-from <= 4096) {
			picked = append(picked, i)
		}
	}
	return picked
}

func checkInclusion(size int64, root tlog.Hash, leaves []tlog.Hash, reader tlog.HashReader) (int, error) {
	picked := sample(0, size)
	for _, index := range picked {
		proof, err := tlog.ProveRecord(size, index, reader)
		if err != nil {
			return 0, fmt.Errorf("index %d: %w", index, err)
		}
		if err := tlog.CheckRecord(proof, size, root, index, leaves[index]); err != nil {
			return 0, fmt.Errorf("index %d: %w", index, err)
		}
	}
	return len(picked), nil
}

func checkConsistency(size int64, root tlog.Hash, reader tlog.HashReader) (int, error) {
	picked := sample(1, size+1)
	for _, old := range picked {
		oldRoot, err := tlog.TreeHash(old, reader)
		if err != nil {
			return 0, err
		}
		proof, err := tlog.ProveTree(size, old, reader)
		if err != nil {
			return 0, fmt.Errorf("from size %d: %w", old, err)
		}
		if err := tlog.CheckTree(proof, size, root, old, oldRoot); err != nil {
			return 0, fmt.Errorf("from size %d: %w", old, err)
		}
	}
	return len(picked), nil
}
