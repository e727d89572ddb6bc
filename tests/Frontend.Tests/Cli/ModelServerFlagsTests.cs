using System.CommandLine;
using Evergrain.Providers.Servers;
using Evergrain.Silo.Composition;

namespace Evergrain.Frontend.Tests.Cli;

/// <summary>The options of a model server, which come from the properties of its settings.</summary>
public sealed class ModelServerFlagsTests
{
    private readonly ModelServerFlags _flags = new();

    [Fact]
    public void Options_OfAModelServer_AreItsSettings()
    {
        // The entries of a dialect stand in the file or in the environment.
        string[] others = ["Urls", "Api", "Key", "DialectEntries"];
        var settings = typeof(ModelServerOptions).GetProperties().Select(static property => property.Name)
            .Except(others).Select(static name => $"ModelServer:{name}");

        // A list that is not given has no value.
        Assert.Equal(settings.Order(), Read([]).Keys.Append("ModelServer:Models").Order());
        Assert.All(_flags.Options, static option => Assert.EndsWith(".", option.Description, StringComparison.Ordinal));
    }

    [Fact]
    public void Options_Given_AreSettings()
    {
        var read = Read(["http://b/v1"], "--model-name", "own", "--model-models", "a", "--model-models", "b/*",
            "--model-first-token-timeout", "00:05:00", "--model-dialect", "vllm", "--model-calls-max", "7",
            "--model-output-limit-field", "max_completion_tokens", "--model-back-off-min", "00:00:02");

        Assert.Equal(
        [
            ("BackOffMin", "00:00:02"), ("CallsMax", "7"), ("Dialect", "vllm"), ("FirstTokenTimeout", "00:05:00"),
            ("Models:0", "a"), ("Models:1", "b/*"), ("Name", "own"), ("OutputLimitField", "max_completion_tokens"),
            ("Urls:0", "http://b/v1"),
        ], read.Where(static pair => pair.Value is not null)
            .Select(static pair => (pair.Key["ModelServer:".Length..], pair.Value!)).Order());
    }

    private Dictionary<string, string?> Read(IEnumerable<string> moreUrls, params string[] arguments)
    {
        var command = new RootCommand();
        foreach (var option in _flags.Options)
        {
            command.Options.Add(option);
        }

        var line = command.Parse(arguments);
        Assert.Empty(line.Errors);
        return _flags.Read(line, moreUrls).ToDictionary(StringComparer.Ordinal);
    }
}
