using System.ComponentModel.DataAnnotations;
using Evergrain.Providers.Dialects;

namespace Evergrain.Providers.Servers;

/// <summary>
/// One model server, or several that offer the same models: an element of the list <c>Evergrain:ModelServers</c>.
/// Durations are written <c>hh:mm:ss</c>.
/// </summary>
public sealed class ModelServerOptions
{
    /// <summary>The configuration section; a list.</summary>
    public const string Section = "Evergrain:ModelServers";

    /// <summary>
    /// What logs and counters call it: 1 to 64 of <c>A-Z a-z 0-9 . _ -</c>, no two the same. The ids that a
    /// <c>responses</c> server gives to items are sent to the server of this name alone.
    /// </summary>
    public string Name { get; set; } = "";

    /// <summary>
    /// The model names it answers to; <c>*</c> stands for any run of characters. Up to 256, each of 1 to 256
    /// characters. Default none, which means every name. Over all servers, exact names come before patterns, and then
    /// the order of the list decides.
    /// </summary>
    public IList<string> Models { get; init; } = [];

    /// <summary>
    /// Where it answers, 1 to 16 equal places: what comes before <c>/chat/completions</c>, as in
    /// <c>http://host:8000/v1</c>. A conversation keeps to one of them.
    /// </summary>
    public IList<string> Urls { get; init; } = [];

    /// <summary>The API it speaks: <c>chat</c> (chat completions) or <c>responses</c>. No default.</summary>
    public string Api { get; set; } = "";

    /// <summary>
    /// Which server a <c>chat</c> server is: <c>openai</c>, <c>azure</c>, <c>vllm</c>, <c>sglang</c>,
    /// <c>llama.cpp</c>, <c>ollama</c>, <c>lmstudio</c>, <c>mistral</c>, <c>gemini</c>, <c>groq</c>, <c>deepseek</c>,
    /// <c>openrouter</c>, <c>bedrock</c>, or <c>plain</c>, what every server takes. Default: what the URL's host or the
    /// server itself says, else <c>plain</c>.
    /// </summary>
    public string? Dialect { get; set; }

    /// <summary>What it takes otherwise than its dialect says. Default nothing.</summary>
    public DialectOptions DialectEntries { get; init; } = new();

    /// <summary>
    /// Where a <c>chat</c> server takes earlier reasoning back in assistant messages: <c>reasoning_content</c>, or
    /// <c>reasoning</c>. Default: as its dialect says.
    /// </summary>
    public string? ReasoningField { get; set; }

    /// <summary>
    /// What a <c>chat</c> server calls the bound on an answer's tokens: <c>max_tokens</c> or
    /// <c>max_completion_tokens</c>. Default: as its dialect says.
    /// </summary>
    public string? OutputLimitField { get; set; }

    /// <summary>The environment variable that holds its key. Default none: no key is sent.</summary>
    public string? KeyEnvironment { get; set; }

    /// <summary>
    /// The key itself. Taken from <see cref="KeyEnvironment"/> or the command line, never from a settings file.
    /// </summary>
    public string? Key { get; set; }

    /// <summary>Calls that one URL takes at a time, 1 to 65,536. Default 256, as vLLM's.</summary>
    [Range(1, 65_536)]
    public int CallsMax { get; set; } = 256;

    /// <summary>Time to connect, TLS included, 100 ms to 1 minute. Default 5 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00")]
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Time from asking one URL to the first event of its answer, 100 ms to 1 hour. Default 2 minutes: a long context
    /// is read first.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00")]
    public TimeSpan FirstTokenTimeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>Silence after which a streaming answer counts as broken, 100 ms to 1 hour. Default 1 minute.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00")]
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Time one call may take over all URLs, 1 s to 1 day. Default 30 minutes.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan TurnTimeout { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>How long a URL is passed over after a failure, 100 ms to 1 hour. Default 1 s.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00")]
    public TimeSpan BackOffMin { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// What that time doubles up to, failure by failure, 100 ms to 1 hour and not less than <see cref="BackOffMin"/>.
    /// Default 1 minute.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00")]
    public TimeSpan BackOffMax { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How often a server with patterns is asked which models it has, 1 s to 1 day. Default 1 minute.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan ModelsInterval { get; set; } = TimeSpan.FromMinutes(1);
}
