package cloud

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"
)

const (
	firstReportDelay = time.Minute      // after the start
	reportInterval   = time.Hour        // of Report
	listInterval     = 10 * time.Minute // of checks whether a class list changed
)

// runReports writes the box's state and its class lists to the ledger while the box is linked.
func (c *Cloud) runReports(ctx context.Context) error {
	var last time.Time
	for pause := firstReportDelay; ; pause = listInterval {
		select {
		case <-time.After(pause):
		case <-c.reportDue:
		case <-ctx.Done():
			return nil
		}
		if c.currentLink().Way == "" {
			continue
		}
		if time.Since(last) >= reportInterval-time.Minute {
			if err := c.Ledger.AppendFact(ctx, Reported, c.Report()); err != nil {
				c.Log.Debug("the box's report was not written", "err", err)
				continue
			}
			last = time.Now()
		}
		if err := c.reportLists(ctx); err != nil {
			c.Log.Warn("class lists were not written for the cloud", "err", err)
		}
	}
}

// reportLists writes the class lists that changed since the last report.
func (c *Cloud) reportLists(ctx context.Context) error {
	lists, err := c.Lists()
	if err != nil {
		return err
	}
	names := c.Status().Policy.Names
	for _, l := range lists {
		if !names { // names that may not leave are not even written down
			for i := range l.Pupils {
				l.Pupils[i].Name = ""
			}
		}
		sum := sha256.Sum256(mustMarshal(l))
		told := hex.EncodeToString(sum[:])
		if loadValue[string](c.store, bucketListed, l.Class) == told {
			continue
		}
		if err := c.Ledger.AppendFact(ctx, Listed, l); err != nil {
			return err
		}
		if err := c.store.putValue(bucketListed, l.Class, told); err != nil {
			return err
		}
	}
	return nil
}
