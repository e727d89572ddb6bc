using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Evergrain.Providers.Dialects;

namespace Evergrain.Providers.Servers;

/// <summary>
/// One model server, or several that offer the same models: an element of the list <c>Evergrain:ModelServers</c>.
/// Durations are written <c>hh:mm:ss</c>.
/// </summary>
/// <remarks>The command line has an option for each property, whose help is the property's description.</remarks>
public sealed class ModelServerOptions
{
    /// <summary>The configuration section; a list.</summary>
    public const string Section = "Evergrain:ModelServers";

    /// <summary>
    /// The section of the one server of <c>Evergrain:ModelUrl</c>, for what is not its first URL, its API or its key.
    /// </summary>
    public const string SingleSection = "Evergrain:ModelServer";

    /// <summary>
    /// What logs and counters call it: 1 to 64 of <c>A-Z a-z 0-9 . _ -</c>, no two the same. The ids that a
    /// <c>responses</c> server gives to items are sent to the server of this name alone.
    /// </summary>
    [Description("What logs and counters call it; default the host, port and path of its URL")]
    public string Name { get; set; } = "";

    /// <summary>
    /// The model names it answers to; <c>*</c> stands for any run of characters. Up to 256, each of 1 to 256
    /// characters. Default none, which means every name. Over all servers, exact names come before patterns, and then
    /// the order of the list decides.
    /// </summary>
    [Description("A model name that it answers to, * for any run of characters; repeatable, default every name")]
    public IList<string> Models { get; init; } = [];

    /// <summary>
    /// Where it answers, 1 to 16 equal places: what comes before <c>/chat/completions</c>, as in
    /// <c>http://host:8000/v1</c>. A conversation keeps to one of them.
    /// </summary>
    [Description("Where it answers")]
    public IList<string> Urls { get; init; } = [];

    /// <summary>The API it speaks: <c>chat</c> (chat completions) or <c>responses</c>. No default.</summary>
    [Description("The API it speaks")]
    public string Api { get; set; } = "";

    /// <summary>
    /// Which server a <c>chat</c> server is: <c>openai</c>, <c>azure</c>, <c>vllm</c>, <c>sglang</c>,
    /// <c>llama.cpp</c>, <c>ollama</c>, <c>lmstudio</c>, <c>mistral</c>, <c>gemini</c>, <c>groq</c>, <c>deepseek</c>,
    /// <c>openrouter</c>, <c>bedrock</c>, or <c>plain</c>, what every server takes. Default: what the URL's host or the
    /// server itself says, else <c>plain</c>.
    /// </summary>
    [Description("Which server it is, such as vllm or plain; default it is found out")]
    public string? Dialect { get; set; }

    /// <summary>What it takes otherwise than its dialect says. Default nothing.</summary>
    public DialectOptions DialectEntries { get; init; } = new();

    /// <summary>
    /// Where a <c>chat</c> server takes earlier reasoning back in assistant messages: <c>reasoning_content</c>, or
    /// <c>reasoning</c>. Default: as its dialect says.
    /// </summary>
    [Description("Where it takes earlier reasoning back: reasoning_content or reasoning; default as its dialect says")]
    public string? ReasoningField { get; set; }

    /// <summary>
    /// What a <c>chat</c> server calls the bound on an answer's tokens: <c>max_tokens</c> or
    /// <c>max_completion_tokens</c>. Default: as its dialect says.
    /// </summary>
    [Description("What it calls the bound on an answer: max_tokens or max_completion_tokens")]
    public string? OutputLimitField { get; set; }

    /// <summary>The environment variable that holds its key. Default none: no key is sent.</summary>
    [Description("The environment variable that holds its key")]
    public string? KeyEnvironment { get; set; }

    /// <summary>
    /// The key itself. Taken from <see cref="KeyEnvironment"/> or the command line, never from a settings file.
    /// </summary>
    [Description("Its key")]
    public string? Key { get; set; }

    /// <summary>Calls that one URL takes at a time, 1 to 65,536. Default 256, as vLLM's.</summary>
    [Description("Calls that one URL takes at a time")]
    [Range(1, 65_536)]
    public int CallsMax { get; set; } = 256;

    /// <summary>Time to connect, TLS included, 100 ms to 1 minute. Default 5 s.</summary>
    [Description("Time to connect")]
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00")]
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Time from asking one URL to the first byte of its answer, 100 ms to 1 hour. Default 2 minutes: a long context
    /// is read first. A server that sends comments meanwhile may take up to <see cref="TurnTimeout"/> to the first
    /// event. Its silence may take as long as the longer of this time and <see cref="IdleTimeout"/>.
    /// </summary>
    [Description("Time to the first byte of an answer")]
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00")]
    public TimeSpan FirstTokenTimeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>Silence after which a streaming answer counts as broken, 100 ms to 1 hour. Default 1 minute.</summary>
    [Description("Silence after which an answer counts as broken")]
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00")]
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Time one call may take over all URLs, 1 s to 1 day. Default 30 minutes.</summary>
    [Description("Time of one call over all URLs")]
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan TurnTimeout { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>How long a URL is passed over after a failure, 100 ms to 1 hour. Default 1 s.</summary>
    [Description("How long a URL is passed over after a failure")]
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00")]
    public TimeSpan BackOffMin { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// What that time doubles up to, failure by failure, 100 ms to 1 hour and not less than <see cref="BackOffMin"/>.
    /// Default 1 minute.
    /// </summary>
    [Description("What that time doubles up to")]
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00")]
    public TimeSpan BackOffMax { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How often a server with patterns is asked which models it has, 1 s to 1 day. Default 1 minute.
    /// </summary>
    [Description("How often it is asked which models it has")]
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan ModelsInterval { get; set; } = TimeSpan.FromMinutes(1);
}
