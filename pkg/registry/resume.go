package registry

import (
	"errors"
	"net/http"

	"github.com/containerd/containerd/v2/core/content"
	remoteerrors "github.com/containerd/containerd/v2/core/remotes/errors"
)

// busyError is an answer after which the same may well be asked again.
type busyError struct{ error }

func (b busyError) Unwrap() error { return b.error }

// gaveUp is a break of the connection that was met with patience already.
type gaveUp struct{ error }

func (g gaveUp) Unwrap() error { return g.error }

// refused is the error for an answer that is no success; it closes it. Where the
// registry only wants credentials, or time, it has them when refused returns.
func (u *upload) refused(resp *http.Response) error {
	switch resp.StatusCode {
	case http.StatusUnauthorized: // the token has run out on the way
		if u.to.Authorizer != nil && u.to.Authorizer.AddResponses(u.ctx, []*http.Response{resp}) == nil {
			return busyError{refusal(resp)}
		}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		// What was read from a writer cannot be sent again by the transport.
		if p, ok := u.to.Client.Transport.(*patient); ok {
			if wait, ok := p.wait(resp, u.cuts); ok && p.sleep(u.ctx, wait) == nil {
				return busyError{refusal(resp)}
			}
		}
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusGatewayTimeout,
		http.StatusNotFound, http.StatusRequestedRangeNotSatisfiable: // the last two: it has lost the upload
		return busyError{refusal(resp)}
	}
	return refusal(resp)
}

// again makes the writer go on after a failure that may have passed, with
// content.ErrReset, from where the registry says that it stopped.
func (u *upload) again(cause error) error {
	u.sending = nil
	if !passes(cause) || u.ctx.Err() != nil {
		return cause
	}
	for {
		if u.cuts == maxCuts {
			return gaveUp{cause}
		}
		if err := u.pause(u.ctx, firstWait/4<<u.cuts); err != nil {
			return err
		}
		u.cuts++
		err := u.locate()
		if err == nil {
			return content.ErrReset
		}
		if !passes(err) {
			return err
		}
		cause = err
	}
}

// passes tells whether a failure may be over the next time.
func passes(err error) bool {
	var busy busyError
	return errors.As(err, &busy) || Transient(err)
}

// locate asks how much the registry has, and where it wants the rest. Without an
// answer to that, the upload begins anew.
func (u *upload) locate() error {
	resp, err := ask(u.ctx, u.to, http.MethodGet, u.location)
	if err != nil {
		return err
	}
	has, ok := received(resp.Header.Get("Range"))
	if (resp.StatusCode == http.StatusNoContent || resp.StatusCode == http.StatusAccepted) && ok && has <= u.desc.Size && u.desc.Size > smallBlob {
		if has > u.sure { // it comes forward: that is no time to give up
			u.cuts = 0
		}
		u.offset, u.sure = has, has
		if resp.Header.Get("Location") == "" {
			drop(resp)
			return nil
		}
		return u.moved(resp)
	}
	drop(resp)
	// The answer to the last request may be all that was lost.
	there, err := u.exists(u.ctx, u.desc)
	if err != nil {
		return err
	}
	if there {
		u.offset, u.whole = u.desc.Size, true
		return nil
	}
	u.offset, u.sure = 0, 0
	_, err = u.open("")
	var status remoteerrors.ErrUnexpectedStatus
	if errors.As(err, &status) && status.StatusCode >= http.StatusInternalServerError {
		return busyError{err}
	}
	return err
}
