"""A stand-in for a Flux instance, for machines on which Flux is not installed: `python -m overspill_local.standin`.

Broker processes that read the generated broker.toml, find their own rank in its hosts and join the lead; jobs that are
real jobspecs and run as real processes on the ranks that they are given. It imitates no scheduler and no security:
the first job that fits starts, and a broker that knows the certificate's hash may join. Its own words, log lines and
exit codes are modelled on Flux's, so that what is learnt here holds there.

Nothing here knows of bursts, messages or clouds; what the agent needs of it goes through the protocol in `protocol`.
"""
