using System.ComponentModel.DataAnnotations;

namespace Evergrain.Frontend;

/// <summary>
/// The server's settings: <c>Evergrain:&lt;Option&gt;</c> in the settings file, then <c>Evergrain__&lt;Option&gt;</c>
/// in the
/// environment, then the command line; the last wins. Durations are written <c>hh:mm:ss</c>.
/// </summary>
public sealed class EvergrainOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Evergrain";

    internal const string PagesLocal = "local";
    internal const string PagesOn = "on";

    /// <summary>
    /// The IP address to listen on, or <c>localhost</c>. Default 127.0.0.1; without keys loopback only.
    /// </summary>
    [Required]
    public string Address { get; set; } = "127.0.0.1";

    /// <summary>The TCP port, 0 to 65535; 0 takes a free one. Default 8080.</summary>
    [Range(0, 65535)]
    public int Port { get; set; } = 8080;

    /// <summary>Keys as <c>KEY[=tenant]</c> or <c>sha256:HEX[=tenant]</c>. Default none.</summary>
    public IList<string> ApiKeys { get; init; } = [];

    /// <summary>A file of such keys, one a line, reread on change. Default none.</summary>
    public string? ApiKeysFile { get; set; }

    /// <summary>
    /// Operators' keys, as <c>KEY</c> or <c>sha256:HEX</c>. They open metrics, every tenant's usage and operators'
    /// pages, and no conversation. Default none.
    /// </summary>
    public IList<string> OperatorKeys { get; init; } = [];

    /// <summary>A file of such keys, one a line, reread on change. Default none.</summary>
    public string? OperatorKeysFile { get; set; }

    /// <summary>How often the key files are looked at, 100 ms to 1 hour. Default 2 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00")]
    public TimeSpan ApiKeysInterval { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Origins whose web pages may use the server, as <c>scheme://host[:port]</c>; <c>*</c> stands for all, and needs
    /// API keys. Default none: without keys pages of other origins are refused; with keys a browser refuses them over
    /// HTTP.
    /// </summary>
    public IList<string> AllowedOrigins { get; init; } = [];

    /// <summary>
    /// A TCP port of the same address for health and metrics alone, 0 to 65535; 0 takes a free one. It asks for an
    /// operator's key where there are operators' keys, and else answers everybody who reaches it. Metrics then leave
    /// <see cref="Port"/>, except for operators' keys. Default none.
    /// </summary>
    [Range(0, 65535)]
    public int? OperationsPort { get; set; }

    /// <summary>
    /// Longest message a client may send, in bytes, 1 KiB to 64 MiB. Default 64 MiB, as over HTTP. Less where
    /// <c>Admission:MemoryBytesMax</c> leaves less for one request.
    /// </summary>
    [Range(1 << 10, 64 << 20)]
    public int FrameBytesMax { get; set; } = 64 << 20;

    /// <summary>
    /// Connections of plain HTTP, 1 to 1,000,000; one more is closed at once. The last quarter of them, at most 64,
    /// answers probes alone. A WebSocket counts until it is upgraded, then as one of
    /// <c>Admission:ConnectionsMax</c>. Default 10,000.
    /// </summary>
    [Range(1, 1_000_000)]
    public int HttpConnectionsMax { get; set; } = 10_000;

    /// <summary>
    /// Time from a message's beginning to its end, 100 ms to 10 minutes. Default 2 minutes: 64 MiB at 5 Mbit/s.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:10:00")]
    public TimeSpan FrameTimeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>
    /// Longest body of a request, in bytes, as sent and unpacked, 1 KiB to 64 MiB. Default 64 MiB, as long as an
    /// append. Less where <c>Admission:MemoryBytesMax</c> leaves less for one request.
    /// </summary>
    [Range(1 << 10, 64 << 20)]
    public int BodyBytesMax { get; set; } = 64 << 20;

    /// <summary>
    /// Time from a request's head to the end of its body, 100 ms to 30 minutes. Default 2 minutes: 64 MiB at 5 Mbit/s.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:30:00")]
    public TimeSpan BodyTimeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>
    /// Time that a cancel over HTTP waits for its turn's end before it answers, 100 ms to 1 minute. Default 10 s.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00")]
    public TimeSpan CancelTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Creates that may wait on one connection, 1 to 1024. Default 16.</summary>
    [Range(1, 1024)]
    public int QueuedCreatesMax { get; set; } = 16;

    /// <summary>
    /// Bytes of creates that may wait on one connection, 1 KiB to 1 GiB. Default 32 MiB. A create that waits alone may
    /// be longer.
    /// </summary>
    [Range(1L << 10, 1L << 30)]
    public long QueuedBytesMax { get; set; } = 32L << 20;

    /// <summary>
    /// Silence after which the server has pinged, 100 ms to 1 hour; it pings when four fifths of this have passed, or
    /// later. Default 20 s: proxies cut at 60 s.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00")]
    public TimeSpan PingInterval { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>Time a pong may take, 100 ms to 1 hour. Default 20 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00")]
    public TimeSpan PongTimeout { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>Silent wait after which a keepalive frame or comment is sent, 100 ms to 1 hour. Default 20 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00")]
    public TimeSpan KeepaliveInterval { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>A connection's lifetime, give or take 10 %, 1 s to 7 days. Default 60 minutes, as OpenAI's.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "7.00:00:00")]
    public TimeSpan ConnectionLifetime { get; set; } = TimeSpan.FromMinutes(60);

    /// <summary>
    /// Time one frame or piece of an event stream may take to be sent before its connection is cut, 100 ms to
    /// 10 minutes. Default 30 s.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:10:00")]
    public TimeSpan SendTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Time each step of closing a socket may take, 100 ms to 1 minute. Default 5 s. The rest of a message that is too
    /// long has <see cref="FrameTimeout"/>.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00")]
    public TimeSpan CloseTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Time running turns have to end after SIGTERM, 0 to 1 hour; then they end as interrupted. Default 30 s. It holds
    /// for the requests and the conversations of this process alike.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Time after SIGTERM in which the server is not ready and takes new work all the same, so that load balancers
    /// notice; 0 to 5 minutes, a part of <see cref="DrainTimeout"/>. Default 0.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:05:00")]
    public TimeSpan DrainDelay { get; set; }

    /// <summary>
    /// How often unstored turns' leases are renewed, 100 ms to 30 s. Default 20 s: one that is not renewed lasts 60.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:00:30")]
    public TimeSpan LeaseInterval { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>
    /// Conversations whose unstored turns one connection may hold, 1 to 1024; older ones go. Default 16.
    /// </summary>
    [Range(1, 1024)]
    public int LeasesMax { get; set; } = 16;

    /// <summary>Calls that the built-in demo model takes at a time, at least 1. Default: no bound.</summary>
    [Range(1, int.MaxValue)]
    public int ModelCallsMax { get; set; } = int.MaxValue;

    /// <summary>Whether permessage-deflate is accepted, without context takeover. Default false.</summary>
    public bool Compression { get; set; }

    /// <summary>
    /// Where audit lines go: <c>off</c>, <c>stdout</c>, or a file that they are appended to. Default off.
    /// </summary>
    [Required]
    public string Audit { get; set; } = "off";

    /// <summary>
    /// Who is shown the server's own web pages: <c>local</c>, callers from this machine without a proxy; <c>on</c>,
    /// everybody who reaches the server; <c>off</c>, nobody. The pages hold no key and no content. Default local.
    /// </summary>
    [Required]
    [RegularExpression($"{PagesLocal}|{PagesOn}|off", ErrorMessage = "Pages must be local, on or off.")]
    public string Pages { get; set; } = PagesLocal;

    /// <summary>
    /// Whether requests need a key. A setting that names no key, such as an empty file, says so too.
    /// </summary>
    internal bool HasKeys =>
        ApiKeys.Count > 0 || ApiKeysFile is not null || OperatorKeys.Count > 0 || OperatorKeysFile is not null;
}
