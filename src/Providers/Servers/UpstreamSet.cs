using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Evergrain.Conversations.Ports;

namespace Evergrain.Providers.Servers;

/// <summary>
/// The URLs of one server: which one a call goes to, and which are passed over after failures.
/// </summary>
/// <remarks>
/// Calls of one conversation prefer the URLs in an order of its own (rendezvous hashing), which is the same in every
/// process: so the server that has read the conversation before reads on, and when a URL comes or goes only the
/// conversations that it gets or had move.
/// </remarks>
internal sealed class UpstreamSet
{
    // Half to all of a back-off: so that the processes that met one failure do not come back at once.
    private const double JitterShare = 0.5;

    private readonly Lock _gate = new();
    private readonly Upstream[] _upstreams;
    private readonly ModelServerOptions _options;
    private readonly ModelServerServices _services;

    public UpstreamSet(ModelServerOptions options, ModelServerServices services)
    {
        (_options, _services) = (options, services);
        _upstreams = [.. options.Urls.Select(static url => new Upstream(url))];
    }

    public IReadOnlyList<Upstream> All => _upstreams;

    /// <summary>
    /// Takes a place for a call at the URL that it prefers among those not tried yet. One that is backing off, or that
    /// has as many calls as it takes, comes after all that are not. <see cref="Release"/> gives the place back.
    /// </summary>
    /// <param name="affinity">The conversation.</param>
    /// <param name="tried">Where the call has been.</param>
    /// <param name="isHealthy">Whether one that is backing off does not count.</param>
    /// <returns>The URL; null if none is left.</returns>
    public Upstream? Take(UInt128 affinity, IReadOnlyCollection<Upstream> tried, bool isHealthy)
    {
        lock (_gate)
        {
            var now = _services.Time.GetUtcNow();
            var best = _upstreams.Where(upstream => !tried.Contains(upstream))
                .OrderBy(upstream => RankOf(upstream, now))
                .ThenByDescending(upstream => upstream.Score(affinity))
                .FirstOrDefault();
            if (best is null || (isHealthy && RankOf(best, now) == Rank.BackingOff))
            {
                return null;
            }

            if (best.Failures > 0)
            {
                // One call tries whether it is back; until that is known the others keep away.
                best.AwayUntil = now + BackOff(best.Failures);
            }

            best.Running++;
            return best;
        }
    }

    /// <summary>A call has left the URL.</summary>
    public void Release(Upstream upstream)
    {
        lock (_gate)
        {
            upstream.Running--;
        }
    }

    /// <summary>The URL has answered.</summary>
    public void Succeeded(Upstream upstream)
    {
        lock (_gate)
        {
            upstream.Failures = 0;
        }
    }

    /// <summary>The URL has failed; it is passed over for a time that doubles with each failure in a row.</summary>
    /// <param name="upstream">The URL.</param>
    /// <param name="retryAfter">What it asks for itself.</param>
    public void Failed(Upstream upstream, TimeSpan? retryAfter)
    {
        lock (_gate)
        {
            var wait = BackOff(++upstream.Failures);
            if (retryAfter > wait)
            {
                wait = retryAfter.Value < _options.BackOffMax ? retryAfter.Value : _options.BackOffMax;
            }

            upstream.AwayUntil = _services.Time.GetUtcNow() + wait;
        }
    }

    private Rank RankOf(Upstream upstream, DateTimeOffset now) =>
        upstream.Failures > 0 && now < upstream.AwayUntil ? Rank.BackingOff
        : upstream.Running >= _options.CallsMax ? Rank.Full
        : Rank.Open;

    private TimeSpan BackOff(int failures)
    {
        var doubled = _options.BackOffMin * Math.Pow(2, Math.Min(failures - 1, 30));
        var longest = doubled < _options.BackOffMax ? doubled : _options.BackOffMax;
        var chance = (_services.Ids.Next64() >> 11) * (1.0 / (1UL << 53));
        return longest * (1 - (JitterShare * chance));
    }

    private enum Rank
    {
        Open,
        Full,
        BackingOff,
    }
}

/// <summary>One URL of a server. What changes of it belongs to its <see cref="UpstreamSet"/>.</summary>
internal sealed class Upstream
{
    private readonly ulong _seed;

    public Upstream(string url)
    {
        Url = url.TrimEnd('/');
        _seed = BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(Url)));
    }

    /// <summary>The URL without a slash at its end; it holds no user info.</summary>
    public string Url { get; }

    /// <summary>Calls at it now.</summary>
    public int Running { get; set; }

    /// <summary>Failures in a row.</summary>
    public int Failures { get; set; }

    /// <summary>Until when it is passed over, where <see cref="Failures"/> is not 0.</summary>
    public DateTimeOffset AwayUntil { get; set; }

    public Uri At(string path) => new($"{Url}/{path}");

    /// <summary>What is beside the API, not below it: <c>/props</c> of <c>/v1</c>.</summary>
    public Uri AtRoot(string path) =>
        new($"{(Url.EndsWith("/v1", StringComparison.Ordinal) ? Url[..^"/v1".Length] : Url)}/{path}");

    /// <summary>How much a conversation prefers it: equally distributed, and the same in every process.</summary>
    public ulong Score(UInt128 affinity) => Mix(Mix(_seed ^ (ulong)affinity) ^ (ulong)(affinity >> 64));

    // The finaliser of SplitMix64, as in SeededIdSource.
    private static ulong Mix(ulong value)
    {
        value += 0x9E3779B97F4A7C15;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
