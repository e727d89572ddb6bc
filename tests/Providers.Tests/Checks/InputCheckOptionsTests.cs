using Evergrain.Providers.Checks;
using Evergrain.Suites.Checks;

namespace Evergrain.Providers.Tests.Checks;

/// <summary>Which settings are mistakes.</summary>
public sealed class InputCheckOptionsTests
{
    [Fact]
    public void Options_Right_HaveNoMistakes()
    {
        var options = new InputCheckOptions
        {
            Url = "https://checks.example/v1?x=1",
            KeyVariable = "PATH",
            Rules = [new InputRule { Name = "a", Pattern = "x+", Types = ["message"], Roles = ["user"] }],
        };

        Assert.Empty(options.FindMistakes());
    }

    [Fact]
    public void Options_Empty_AreAMistake() => Assert.Single(new InputCheckOptions().FindMistakes());

    [Theory]
    [InlineData("checks.example")]
    [InlineData("/check")]
    [InlineData("file:///etc/passwd")]
    [InlineData("ftp://checks.example/")]
    [InlineData("")]
    public void Url_NotHttp_IsAMistake(string url) => Assert.StartsWith(
        "InputCheck:Url:", Assert.Single(new InputCheckOptions { Url = url }.FindMistakes()), StringComparison.Ordinal);

    [Fact]
    public void Url_WithCredentials_IsAMistakeThatDoesNotTellThem()
    {
        var mistake = Assert.Single(new InputCheckOptions { Url = "http://me:hush@checks.example/" }.FindMistakes());

        Assert.DoesNotContain("hush", mistake, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("http://127.0.0.1/", "EVERGRAIN_TEST_NO_SUCH_VARIABLE")]
    [InlineData(null, "PATH")]
    public void KeyVariable_NotSetOrForNothing_IsAMistake(string? url, string variable)
    {
        var options = new InputCheckOptions { Url = url, KeyVariable = variable, Rules = [Rule("a", "x")] };

        Assert.StartsWith("InputCheck:KeyVariable:", Assert.Single(options.FindMistakes()), StringComparison.Ordinal);
    }

    [Fact]
    public void Options_Wrong_AreAllReportedAtOnce()
    {
        var options = new InputCheckOptions
        {
            Url = "nowhere",
            Timeout = TimeSpan.Zero,
            MatchTimeout = TimeSpan.Zero,
            OnFailure = (FailureMeaning)7,
            Rules =
            [
                Rule("a", "("),
                Rule("a", "x"),
                new InputRule { Pattern = "x", Roles = ["tool"], Types = [""] },
                new InputRule { Name = "b", Message = new string('m', 501) },
            ],
        };

        var mistakes = options.FindMistakes();

        string[] places =
        [
            "InputCheck: ", "InputCheck: ", "InputCheck: ", "InputCheck:Url:", "InputCheck:Rules:0:Pattern:",
            "InputCheck:Rules:2:Name:", "InputCheck:Rules:2:Types:", "InputCheck:Rules:2:Roles:",
            "InputCheck:Rules:3:Pattern:", "InputCheck:Rules:3:Message:", "InputCheck:Rules: 'a'",
        ];
        Assert.Equal(places.Length, mistakes.Count);
        Assert.All(places.Zip(mistakes), static pair =>
            Assert.StartsWith(pair.First, pair.Second, StringComparison.Ordinal));
        foreach (var name in (string[])["Timeout", "MatchTimeout", "OnFailure"])
        {
            Assert.Contains(mistakes, mistake => mistake.Contains(name, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Rule_NullsOfTheSettingsFile_AreMistakes()
    {
        var rule = new InputRule { Name = null!, Pattern = null!, Message = null! };

        Assert.Equal(3, new InputCheckOptions { Rules = [rule] }.FindMistakes().Count);
    }

    [Fact]
    public void Rules_TooMany_AreAMistake()
    {
        var options = new InputCheckOptions
        {
            Rules = [.. Enumerable.Range(0, 257).Select(i => Rule($"{i}", "x"))],
        };

        Assert.Contains("Rules", Assert.Single(options.FindMistakes()), StringComparison.Ordinal);
    }

    private static InputRule Rule(string name, string pattern) => new() { Name = name, Pattern = pattern };
}
