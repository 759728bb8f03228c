package cloud

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

const (
	firstReport = time.Minute      // after the start
	eachReport  = time.Hour        // how the box is
	eachList    = 10 * time.Minute // whether a class list has changed
)

// reports tells how the box is and who is in its classes, while it is linked.
func (c *Cloud) reports(ctx context.Context) error {
	var last time.Time
	for pause := firstReport; ; pause = eachList {
		select {
		case <-time.After(pause):
		case <-c.news:
		case <-ctx.Done():
			return nil
		}
		if c.linked().Way == "" {
			continue
		}
		if time.Since(last) >= eachReport-time.Minute {
			if err := c.Ledger.Tell(ctx, Reported, c.Report()); err != nil {
				c.Log.Debug("the box's state is not noted", "err", err)
				continue
			}
			last = time.Now()
		}
		if err := c.tellLists(ctx); err != nil {
			c.Log.Warn("class lists are not told to the cloud", "err", err)
		}
	}
}

// tellLists notes the class lists that have changed since they were told.
func (c *Cloud) tellLists(ctx context.Context) error {
	lists, err := c.Lists()
	if err != nil {
		return err
	}
	names := c.Status().Policy.Names
	for _, l := range lists {
		if !names { // they are not even written down for the cloud
			for i := range l.Pupils {
				l.Pupils[i].Name = ""
			}
		}
		sum := sha256.Sum256(marshal(l))
		told := hex.EncodeToString(sum[:])
		if load[string](c.store, bucketTold, l.Class) == told {
			continue
		}
		if err := c.Ledger.Tell(ctx, Listed, l); err != nil {
			return err
		}
		if err := c.store.put(bucketTold, l.Class, told); err != nil {
			return err
		}
	}
	return nil
}
