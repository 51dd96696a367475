package laptop

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"chatlab/src/errs"
)

// webLimit is how long a server may take to answer.
const webLimit = 10 * time.Second

// reach asks for an address, and reads nothing of the page. An error says
// in a few words why it cannot be had; status is 0 where nobody answered.
func reach(ctx context.Context, address string) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, webLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Accept", "application/json, */*")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return 0, errs.E(errs.Unavailable, "no answer within %s", webLimit)
		}
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err
		}
		return 0, err
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return res.StatusCode, fmt.Errorf("HTTP status %d", res.StatusCode)
	}
	return res.StatusCode, nil
}
