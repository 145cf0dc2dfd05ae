"""Surveillance of counts: what has a published method is computed here, never by a model.

ears        C1, C2 and C3 of the Early Aberration Reporting System, for short histories
farrington  Farrington Flexible, for weekly counts with years of history
cusum       standardised CUSUM and likelihood-ratio CUSUM for Poisson and negative binomial counts
reproduction  the time-varying reproduction number of Cori
nowcast     what is still to be reported, from the reporting delays seen so far
trend       weekly growth with its interval
forecast    the next weeks, as quantiles
scoring     weighted interval score, pinball loss, coverage of intervals
coverage    vaccination coverage, dropout and zero-dose with intervals
suppress    small cells, and the further cells that would give them away
series      from line lists to weekly counts, as they were known on a day
signals     from all of this to a graded signal, with false discovery control

All are pure functions of numbers. A signal is a reason to look, not an outbreak: that word is for
people who have looked.
"""
